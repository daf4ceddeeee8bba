//! The standard metrics: what every observed service has. A service's own metrics stand in its own catalogue.

use crate::catalogue;
use crate::metric::Values::{Closed, Open};

/// Request methods as label values; an unknown method is `OTHER`.
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER"];

/// Buckets for requests and queries, in seconds: from a cached answer to a slow report.
pub const LATENCY_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Buckets for work in the background, in seconds: from a hundredth to an hour.
pub const WORK_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// Buckets for bodies and files, in bytes: powers of 8 from 128 B to 2 GiB, and 16 GiB.
pub const SIZE_BYTES: &[f64] = &[
    128.0,
    1024.0,
    8192.0,
    65_536.0,
    524_288.0,
    4_194_304.0,
    33_554_432.0,
    268_435_456.0,
    2_147_483_648.0,
    17_179_869_184.0,
];

catalogue! {
    /// Requests ended, by exact status; a client that left before the answer ended is 499.
    counter HTTP_REQUESTS_TOTAL = "http_requests_total" { method: Closed(METHODS), endpoint: Open, status: Open };
    /// Time from a request's head to the end of its answer, event streams left out.
    histogram HTTP_REQUEST_DURATION_SECONDS = "http_request_duration_seconds" { method: Closed(METHODS), endpoint: Open } buckets LATENCY_SECONDS;
    /// Size of request bodies.
    histogram HTTP_REQUEST_SIZE_BYTES = "http_request_size_bytes" { method: Closed(METHODS), endpoint: Open } buckets SIZE_BYTES;
    /// Size of response bodies, as far as they were sent.
    histogram HTTP_RESPONSE_SIZE_BYTES = "http_response_size_bytes" { method: Closed(METHODS), endpoint: Open } buckets SIZE_BYTES;
    /// Requests whose answer has not ended.
    gauge HTTP_REQUESTS_IN_PROGRESS = "http_requests_in_progress" { method: Closed(METHODS), endpoint: Open };

    /// Always 1; says which build of which service runs where.
    reading APP_INFO = "app_info" { service: Open, version: Open, environment: Open };
    /// Time since the process became ready to serve.
    reading APP_UPTIME_SECONDS = "app_uptime_seconds" {};
    /// When the process started, as a Unix timestamp.
    reading APP_START_TIME_SECONDS = "app_start_time_seconds" {};
    /// Errors handled, by kind and by the part that met them.
    counter ERRORS_TOTAL = "errors_total" { error_type: Open, component: Open };
    /// Log events, by level, whether or not they were shipped.
    counter LOG_EVENTS_TOTAL = "log_events_total" { level: Closed(&["error", "warn", "info", "debug", "trace"]) };

    /// Connections in use by a query or a transaction.
    gauge DB_CONNECTIONS_ACTIVE = "db_connections_active" {};
    /// Open connections that wait for work.
    gauge DB_CONNECTIONS_IDLE = "db_connections_idle" {};
    /// The largest number of connections the pool may open.
    gauge DB_CONNECTIONS_MAX = "db_connections_max" {};
    /// Time a statement took, by its first word.
    histogram DB_QUERY_DURATION_SECONDS = "db_query_duration_seconds" { query_type: Closed(QUERY_TYPES) } buckets LATENCY_SECONDS;
    /// Time waited for a connection from the pool.
    histogram DB_CONNECTION_ACQUIRE_DURATION_SECONDS = "db_connection_acquire_duration_seconds" {} buckets LATENCY_SECONDS;
    /// Database errors, by kind.
    counter DB_ERRORS_TOTAL = "db_errors_total" { kind: Closed(&["timeout", "connection", "constraint", "other"]) };

    /// Runs of scheduled jobs that ended, by outcome.
    counter SCHEDULER_JOBS_TOTAL = "scheduler_jobs_total" { job_name: Open, status: Closed(&["success", "failed", "aborted"]) };
    /// Time a scheduled job took.
    histogram SCHEDULER_JOB_DURATION_SECONDS = "scheduler_job_duration_seconds" { job_name: Open } buckets WORK_SECONDS;
    /// Scheduled jobs under way.
    gauge SCHEDULER_JOBS_IN_PROGRESS = "scheduler_jobs_in_progress" { job_name: Open };
    /// When a job last succeeded, as a Unix timestamp.
    reading SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS = "scheduler_job_last_success_timestamp_seconds" { job_name: Open };
    /// When a job is next due, as a Unix timestamp.
    reading SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS = "scheduler_job_next_due_timestamp_seconds" { job_name: Open };
    /// Times a job was due while its last run was still under way.
    counter SCHEDULER_JOB_OVERLAPS_TOTAL = "scheduler_job_overlaps_total" { job_name: Open };
    /// Times a job was due and did not start, because the process was down or busy.
    counter SCHEDULER_JOB_MISSES_TOTAL = "scheduler_job_misses_total" { job_name: Open };

    /// 1 when the check passed when last asked, 0 when it failed.
    reading HEALTH_CHECK_STATUS = "health_check_status" { check: Open };
    /// Time a health check took.
    histogram HEALTH_CHECK_DURATION_SECONDS = "health_check_duration_seconds" { check: Open } buckets LATENCY_SECONDS;

    /// Memory of this process that is in RAM.
    reading PROCESS_RESIDENT_MEMORY_BYTES = "process_resident_memory_bytes" {};
    /// CPU time this process has used.
    float_counter PROCESS_CPU_SECONDS_TOTAL = "process_cpu_seconds_total" {};
    /// File descriptors this process has open.
    reading PROCESS_OPEN_FDS = "process_open_fds" {};
    /// The most file descriptors this process may open.
    reading PROCESS_MAX_FDS = "process_max_fds" {};
    /// Threads of this process.
    reading PROCESS_THREADS = "process_threads" {};

    /// Emits that went to a metric's `overflow` series because its series cap was reached.
    counter TELEMETRY_SERIES_DROPPED_TOTAL = "telemetry_series_dropped_total" { metric: Open };
    /// Spans that ended here, and what became of them; the difference waits or was dropped by a full queue.
    counter TELEMETRY_SPANS_TOTAL = "telemetry_spans_total" { stage: Closed(&["ended", "exported", "failed"]) };
    /// Log lines that were not written to a file because too many were waiting for the disk.
    counter TELEMETRY_LOG_LINES_DROPPED_TOTAL = "telemetry_log_lines_dropped_total" {};
    /// Time to write one page of metrics.
    histogram TELEMETRY_RENDER_DURATION_SECONDS = "telemetry_render_duration_seconds" {} buckets LATENCY_SECONDS;
}

/// Statements by first word, as the `query_type` label shows them.
pub const QUERY_TYPES: &[&str] = &["select", "insert", "update", "delete", "transaction", "other"];
