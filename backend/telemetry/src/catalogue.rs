//! The standard metrics of every observed service. A service declares its own metrics in its own catalogue.
//!
//! ```
//! use belfry_telemetry::catalogue::ERRORS_TOTAL;
//!
//! ERRORS_TOTAL.with(("payment_refused", "checkout")).increment(1);
//! ```

mod labels;

use crate::catalogue;
use crate::metric::{Open, Status};

pub use labels::{CallFailure, DatabaseErrorKind, JobStatus, LogLevel, LokiStage, QueryType, RequestMethod, SpanStage};

/// Buckets for requests and queries, in seconds.
///
/// Each bound is at most twice the one before, here and in the other two lists, so that a quantile computed from the buckets is
/// wrong by a factor of 2 at most, whatever was measured: for latencies from 50 us to 60 s.
///
/// ```
/// use belfry_telemetry::catalogue::{LATENCY_SECONDS, SIZE_BYTES, WORK_SECONDS};
///
/// belfry_telemetry::catalogue! {
///     /// Time to look up a price.
///     histogram PRICE_LOOKUP_SECONDS = "shop_price_lookup_seconds" {} buckets LATENCY_SECONDS;
///     /// Time to import a price list.
///     histogram PRICE_IMPORT_SECONDS = "shop_price_import_seconds" {} buckets WORK_SECONDS;
///     /// Size of a price list.
///     histogram PRICE_LIST_SIZE_BYTES = "shop_price_list_size_bytes" {} buckets SIZE_BYTES;
/// }
/// assert_eq!(PRICE_IMPORT_SECONDS.row.buckets.last(), Some(&3600.0));
/// ```
pub const LATENCY_SECONDS: &[f64] = &[
    0.000_032, 0.000_064, 0.000_125, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25,
    0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0,
];

/// Buckets for work in the background, in seconds: exact to a factor of 2 from a millisecond to an hour.
pub const WORK_SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0,
    120.0, 240.0, 480.0, 900.0, 1800.0, 3600.0,
];

/// Buckets for bodies and files, in bytes: powers of 2, exact to a factor of 2 from 256 B to 4 GiB.
pub const SIZE_BYTES: &[f64] = &{
    let mut bounds = [128.0; 26];
    let mut index = 1;
    while index < bounds.len() {
        bounds[index] = 2.0 * bounds[index - 1];
        index += 1;
    }
    bounds
};

catalogue! {
    /// Requests ended, by exact status; a client that disconnected before the response ended is 499.
    counter HTTP_REQUESTS_TOTAL = "http_requests_total" { method: RequestMethod, endpoint: Open, status: Status };
    /// Time from a request's head to the end of its response, without event streams; begins with a route's first answer that is not 405, or 404 for no route.
    histogram HTTP_REQUEST_DURATION_SECONDS = "http_request_duration_seconds" { method: RequestMethod, endpoint: Open } buckets LATENCY_SECONDS;
    /// Size of request bodies, as far as they were read; of the same requests as the duration, and of event streams.
    histogram HTTP_REQUEST_SIZE_BYTES = "http_request_size_bytes" { method: RequestMethod, endpoint: Open } buckets SIZE_BYTES;
    /// Size of response bodies, as far as they were sent; of the same requests as the duration, and of event streams.
    histogram HTTP_RESPONSE_SIZE_BYTES = "http_response_size_bytes" { method: RequestMethod, endpoint: Open } buckets SIZE_BYTES;
    /// Requests whose response has not ended; one that upgraded to another protocol has ended.
    gauge HTTP_REQUESTS_IN_PROGRESS = "http_requests_in_progress" { method: RequestMethod, endpoint: Open };

    /// Always 1; says which build of which service runs where.
    reading APP_INFO = "app_info" { service: Open, version: Open, environment: Open };
    /// Time since the process became ready to serve.
    reading APP_UPTIME_SECONDS = "app_uptime_seconds" {};
    /// When the process started, as a Unix timestamp.
    reading APP_START_TIME_SECONDS = "app_start_time_seconds" {};
    /// Errors handled, by kind and by component.
    counter ERRORS_TOTAL = "errors_total" { error_type: Open, component: Open };
    /// Log events, by level, whether or not they were shipped.
    counter LOG_EVENTS_TOTAL = "log_events_total" { level: LogLevel };

    /// Connections in use by a query or a transaction.
    reading DB_CONNECTIONS_ACTIVE = "db_connections_active" {};
    /// Open connections that wait for work.
    reading DB_CONNECTIONS_IDLE = "db_connections_idle" {};
    /// The largest number of connections the pool may open.
    reading DB_CONNECTIONS_MAX = "db_connections_max" {};
    /// Time a statement took, by its first word.
    histogram DB_QUERY_DURATION_SECONDS = "db_query_duration_seconds" { query_type: QueryType } buckets LATENCY_SECONDS;
    /// Time waited for a connection from the pool.
    histogram DB_CONNECTION_ACQUIRE_DURATION_SECONDS = "db_connection_acquire_duration_seconds" {} buckets LATENCY_SECONDS;
    /// Database errors, by kind.
    counter DB_ERRORS_TOTAL = "db_errors_total" { kind: DatabaseErrorKind };

    /// Runs of scheduled jobs that ended, by outcome.
    counter SCHEDULER_JOBS_TOTAL = "scheduler_jobs_total" { job_name: Open, status: JobStatus };
    /// Time a scheduled job took.
    histogram SCHEDULER_JOB_DURATION_SECONDS = "scheduler_job_duration_seconds" { job_name: Open } buckets WORK_SECONDS;
    /// Scheduled jobs running.
    gauge SCHEDULER_JOBS_IN_PROGRESS = "scheduler_jobs_in_progress" { job_name: Open };
    /// When a job last succeeded, as a Unix timestamp.
    reading SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS = "scheduler_job_last_success_timestamp_seconds" { job_name: Open };
    /// When a run of a job last failed or was aborted, as a Unix timestamp.
    reading SCHEDULER_JOB_LAST_FAILURE_TIMESTAMP_SECONDS = "scheduler_job_last_failure_timestamp_seconds" { job_name: Open };
    /// Time from one scheduled run of a job to the next, as its schedule has it.
    reading SCHEDULER_JOB_INTERVAL_SECONDS = "scheduler_job_interval_seconds" { job_name: Open };
    /// When a job is next due, as a Unix timestamp.
    reading SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS = "scheduler_job_next_due_timestamp_seconds" { job_name: Open };
    /// Times a job was due while its last run was still running.
    counter SCHEDULER_JOB_OVERLAPS_TOTAL = "scheduler_job_overlaps_total" { job_name: Open };
    /// Times a job was due and did not start, because the process was down or busy.
    counter SCHEDULER_JOB_MISSES_TOTAL = "scheduler_job_misses_total" { job_name: Open };

    /// Calls to other services that ended, by their status, or by why they have none.
    counter EXTERNAL_API_REQUESTS_TOTAL = "external_api_requests_total" { service: Open, endpoint: Open, status: Status<CallFailure> };
    /// Time from the beginning of a call to another service to the end of its response.
    histogram EXTERNAL_API_DURATION_SECONDS = "external_api_duration_seconds" { service: Open } buckets LATENCY_SECONDS;

    /// 1 when the check last passed, 0 when it last failed.
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

    /// Share of this machine's CPU time that was in use since the reading before, from 0 to 1.
    reading HOST_CPU_USAGE_RATIO = "host_cpu_usage_ratio" {};
    /// Processors of this machine.
    reading HOST_CPUS = "host_cpus" {};
    /// Memory of this machine.
    reading HOST_MEMORY_TOTAL_BYTES = "host_memory_total_bytes" {};
    /// Memory of this machine in use, excluding reclaimable cache.
    reading HOST_MEMORY_USED_BYTES = "host_memory_used_bytes" {};
    /// Share of this machine's memory in use, from 0 to 1.
    reading HOST_MEMORY_USAGE_RATIO = "host_memory_usage_ratio" {};
    /// Size of a file system, by its use in the service, excluding blocks reserved for root.
    reading HOST_DISK_TOTAL_BYTES = "host_disk_total_bytes" { disk: Open };
    /// Bytes of a file system in use.
    reading HOST_DISK_USED_BYTES = "host_disk_used_bytes" { disk: Open };
    /// Share of a file system in use, from 0 to 1.
    reading HOST_DISK_USAGE_RATIO = "host_disk_usage_ratio" { disk: Open };
    /// Load average over 1 minute: processes that ran or waited for a processor or a disk.
    reading HOST_LOAD1 = "host_load1" {};
    /// Load average over 5 minutes.
    reading HOST_LOAD5 = "host_load5" {};
    /// Load average over 15 minutes.
    reading HOST_LOAD15 = "host_load15" {};
    /// Bytes received over this machine's network interfaces, without loopback.
    float_counter HOST_NETWORK_RECEIVE_BYTES_TOTAL = "host_network_receive_bytes_total" {};
    /// Bytes sent over this machine's network interfaces, without loopback.
    float_counter HOST_NETWORK_TRANSMIT_BYTES_TOTAL = "host_network_transmit_bytes_total" {};

    /// Threads on which the Tokio runtime runs tasks.
    reading TOKIO_WORKERS = "tokio_workers" {};
    /// Tasks of the Tokio runtime that have not ended.
    reading TOKIO_ALIVE_TASKS = "tokio_alive_tasks" {};
    /// Tasks that are ready to run and wait in the Tokio runtime's shared queue.
    reading TOKIO_GLOBAL_QUEUE_DEPTH = "tokio_global_queue_depth" {};
    /// Time for which the Tokio runtime's threads ran tasks.
    float_counter TOKIO_WORKER_BUSY_SECONDS_TOTAL = "tokio_worker_busy_seconds_total" {};

    /// Emits dropped or counted under `overflow`: series cap, name clash, or too many metrics outside the catalogue.
    counter TELEMETRY_SERIES_DROPPED_TOTAL = "telemetry_series_dropped_total" { metric: Open };
    /// Log events for Loki: those `emitted` are eventually `sent`, permanently `refused` by Loki, or `dropped` by a full queue;
    /// `retried` counts those of each batch that was sent again. With LOKI__DELIVERY=direct only `emitted` is complete.
    counter TELEMETRY_LOKI_EVENTS_TOTAL = "telemetry_loki_events_total" { stage: LokiStage };
    /// Spans: those that `ended` here are eventually `exported`, `failed` to reach the collector, or were `dropped` by a full queue.
    counter TELEMETRY_SPANS_TOTAL = "telemetry_spans_total" { stage: SpanStage };
    /// Samples on the page of metrics before this one.
    reading TELEMETRY_PAGE_SAMPLES = "telemetry_page_samples" {};
    /// Size of the page of metrics before this one.
    reading TELEMETRY_PAGE_BYTES = "telemetry_page_bytes" {};
    /// Log lines that were not written to a file because too many were waiting for the disk.
    counter TELEMETRY_LOG_LINES_DROPPED_TOTAL = "telemetry_log_lines_dropped_total" {};
    /// Datagrams for StatsD that the system refused to send; what is lost on the way is not known.
    counter TELEMETRY_STATSD_DATAGRAMS_FAILED_TOTAL = "telemetry_statsd_datagrams_failed_total" {};
    /// Time to write one page of metrics.
    histogram TELEMETRY_RENDER_DURATION_SECONDS = "telemetry_render_duration_seconds" {} buckets LATENCY_SECONDS;
}
