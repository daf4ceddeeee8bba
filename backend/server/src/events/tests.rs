//! Each event moves exactly its own series: whole-snapshot equality, so that one too many fails as one too few does.

use std::time::Duration;

use axum::http::StatusCode;
use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::{ChildReport, ResourceUse, Score, TrainingResult, TrainingSummary};
use belfry_ledger::{PicoDollars, Usage};
use belfry_telemetry::testing::changed_series;
use strum::{IntoEnumIterator, VariantNames};

use super::ai_call::{AiCall, TextWritten};
use super::ai_ledger::{BudgetExceeded, BudgetReading, CallSettled};
use super::alert::{AlertMessage, AlertRaised, AlertResolved, CanaryDelivered, NotificationReceived};
use super::auth::{AuditNotWritten, RequestNotAdmitted, UserTotals};
use super::backup::DatabaseSaved;
use super::billing::{BillingEventReceived, BillingTotals};
use super::cleanup::{CleanupCycle, CleanupLag, ExpiredDatasetNotRemoved, ExpiredDatasetRemoved};
use super::connection::{AcceptFailed, ConnectionCutOff, ConnectionRefused, connection_open};
use super::jobs::{ClockJumped, FileLost, JobAborted, JobFailed};
use super::run_totals::RunTotals;
use super::telegram::{MessageDelivered, MessageNotDelivered, UpdateProcessed};
use super::training::{
    ChildFailed, ClaimLost, PredictionGuard, ProcessNotStarted, QueueDepth, RequeueReason, RunClaimed, RunFinished,
    RunQueued, RunRequeued, StepsRecorded, WorkerPanicked, follower_in_progress, log_background_failure, run_followed,
    run_in_flight, worker_up,
};
use super::upload::{DatasetDeleted, DatasetTotals, Upload};
use super::viewer::ViewerQuery;
use crate::error::Error;
use crate::labels::{
    AiOperation, AiOutcome, AlertMessageOutcome, AuthFailure, BillingEventType, BudgetMode, BudgetName, BudgetPeriod,
    ConnectionCut, ConnectionRefusal, MessageOutcome, Pricing, QuerySource, RunStatus, Severity, UpdateOutcome,
};

/// The series that `emits` moves, with the values of durations left out, which no test can know.
fn series(emits: impl FnOnce()) -> Vec<String> {
    let timed = |line: String| match line.split_once(' ') {
        Some((name, _)) if name.contains("_seconds") && !name.contains("_lag_") => format!("{name} ?"),
        _ => line,
    };
    changed_series(emits).into_iter().map(timed).collect()
}

#[test]
fn an_upload_that_is_stored() {
    let expected = [
        r#"belfry_upload_duration_seconds{outcome="stored"} ?"#,
        "belfry_upload_size_bytes 1000",
        "belfry_uploads_in_progress 0",
        r#"belfry_uploads_total{outcome="stored"} 1"#,
    ];
    assert_eq!(series(|| Upload::begin().stored("id", 1_000, 10, 3)), expected);
}

#[test]
fn a_connection_that_is_open_refused_or_cut() {
    assert_eq!(series(|| std::mem::forget(connection_open())), ["http_connections_open 1"]);
    let refused = ConnectionRefused { reason: ConnectionRefusal::MaxConnections };
    let expected = [r#"http_connections_refused_total{reason="max_connections"} 1"#];
    assert_eq!(series(|| refused.emit()), expected);
    let error = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
    let expected = [r#"http_connections_refused_total{reason="accept_failed"} 1"#];
    assert_eq!(series(|| AcceptFailed { error: &error }.emit()), expected);
    let expected = [r#"http_connections_cut_total{reason="idle_timeout"} 1"#];
    assert_eq!(series(|| ConnectionCutOff { reason: ConnectionCut::IdleTimeout }.emit()), expected);
}

#[test]
fn a_request_that_is_not_admitted_by_its_reason() {
    for (reason, name) in [
        (AuthFailure::Missing, "missing"),
        (AuthFailure::Unknown, "unknown"),
        (AuthFailure::Expired, "expired"),
        (AuthFailure::Revoked, "revoked"),
        (AuthFailure::ScopeMissing, "scope_missing"),
        (AuthFailure::SetupToken, "setup_token"),
        (AuthFailure::RateLimited, "rate_limited"),
    ] {
        let expected = [format!("belfry_auth_failures_total{{reason=\"{name}\"}} 1")];
        assert_eq!(series(|| RequestNotAdmitted { reason, key_id: None, route: "/x" }.emit()), expected);
    }
    let not_written = AuditNotWritten { cause: String::new(), action: "a", object: "o", key_id: None };
    assert!(series(|| not_written.emit()).is_empty());
}

#[test]
fn users_that_are_counted_and_that_are_not() {
    let shown = |counts: [&str; 4]| {
        let [users, dau, wau, mau] = counts;
        let periods = [("dau", dau), ("mau", mau), ("wau", wau)];
        let active = periods.map(|(period, count)| format!("belfry_active_users{{period=\"{period}\"}} {count}"));
        [active.to_vec(), vec![format!("belfry_users {users}")]].concat()
    };
    let totals = UserTotals { users: 9, daily: 1, weekly: 2, monthly: 3 };
    assert_eq!(series(|| UserTotals::emit(Some(totals))), shown(["9", "1", "2", "3"]));
    assert_eq!(series(|| UserTotals::emit(None)), shown(["NaN"; 4]));
}

#[test]
fn a_query_of_a_page_by_how_it_ends() {
    let ended = |outcome: &str| [format!("belfry_viewer_queries_total{{source=\"loki\",outcome=\"{outcome}\"}} 1")];
    let begin = || ViewerQuery::begin(QuerySource::Loki);
    assert_eq!(series(|| begin().answered(StatusCode::OK)), ended("answered"));
    assert_eq!(series(|| begin().answered(StatusCode::BAD_REQUEST)), ended("refused_by_source"));
    assert_eq!(series(|| drop(begin())), ended("cancelled"));
    let by = |code: &'static str| {
        let error = Error::Query { status: StatusCode::BAD_GATEWAY, code, detail: String::new() };
        series(|| begin().ended_by(&error))
    };
    assert_eq!(by("query_busy"), ended("busy"));
    assert_eq!(by("query_timeout"), ended("timeout"));
    assert_eq!(by("query_source_unreachable"), ended("unreachable"));
    assert_eq!(by("query_answer_too_large"), ended("too_large"));
    assert_eq!(by("query_answer_invalid"), ended("invalid"));
    assert_eq!(by("query_refused"), ended("refused_by_source"));
    assert_eq!(by("query_source_unconfigured"), ended("refused"));
    assert_eq!(series(|| begin().ended_by(&Error::invalid("query_too_long", ""))), ended("refused"));
}

#[test]
fn a_call_to_the_ai_provider_by_how_it_ends() {
    let ended = |operation: &str, status: &str| {
        [
            format!("belfry_ai_request_duration_seconds{{operation=\"{operation}\",model=\"m\"}} ?"),
            format!("belfry_ai_requests_total{{operation=\"{operation}\",model=\"m\",status=\"{status}\"}} 1"),
        ]
    };
    let begin = || AiCall::begin(AiOperation::ExplainRun, "m");
    for outcome in AiOutcome::iter() {
        let name: &str = outcome.into();
        assert_eq!(series(|| begin().ended(outcome, Some(200), None)), ended("explain_run", name));
    }
    assert_eq!(series(|| drop(begin())), ended("explain_run", "cancelled"));
    let call = AiCall::begin(AiOperation::DescribeDataset, "m");
    assert_eq!(series(|| call.ended(AiOutcome::Ok, None, None)), ended("describe_dataset", "ok"));
}

#[test]
fn a_text_that_was_written() {
    let written = |operation| series(|| TextWritten { operation, id: "id", size_bytes: 7 }.emit());
    assert_eq!(written(AiOperation::ExplainRun), ["belfry_explanations_total 1"]);
    assert!(written(AiOperation::DescribeDataset).is_empty());
}

#[test]
fn a_message_for_telegram_and_an_update_of_it() {
    let counted = |outcome: &str| [format!("belfry_telegram_messages_total{{outcome=\"{outcome}\"}} 1")];
    assert_eq!(series(|| MessageDelivered { parts: 3 }.emit()), counted("delivered"));
    let lost = |outcome| series(|| MessageNotDelivered { outcome, reason: "refused", text: "text" }.emit());
    assert_eq!(lost(MessageOutcome::Failed), counted("failed"));
    assert_eq!(lost(MessageOutcome::Dropped), counted("dropped"));
    for (outcome, name) in [
        (UpdateOutcome::Answered, "answered"),
        (UpdateOutcome::UnknownCommand, "unknown_command"),
        (UpdateOutcome::NoCommand, "no_command"),
        (UpdateOutcome::OtherChat, "other_chat"),
        (UpdateOutcome::Malformed, "malformed"),
    ] {
        let expected = [format!("belfry_telegram_updates_total{{outcome=\"{name}\"}} 1")];
        assert_eq!(series(|| UpdateProcessed { outcome }.emit()), expected);
    }
}

#[test]
fn a_call_to_the_ai_provider_that_is_settled() {
    let usage =
        Usage { uncached_prompt: 1, cache_read: 2, cache_write: 3, cache_write_1h: 4, visible_output: 5, reasoning: 6 };
    let settled = |pricing, usage, cost: Option<i128>| CallSettled {
        id: "id",
        operation: AiOperation::ExplainRun,
        // Costs are added up in the process, so that no other test may use this model.
        model: "of this test",
        outcome: AiOutcome::Ok,
        pricing,
        usage,
        cost: cost.map(PicoDollars::new),
        worst_case: None,
        latency: Duration::from_secs(1),
    };
    let of = |metric: &str, labels: &str, value: &str| {
        format!("{metric}{{operation=\"explain_run\",model=\"of this test\"{labels}}} {value}")
    };
    let tokens = |kind: &str, count| of("belfry_ai_tokens_total", &format!(",token_type=\"{kind}\""), count);
    let expected = [
        of("belfry_ai_cost_dollars_total", "", "0.000000000001"),
        tokens("cache_read", "2"),
        tokens("cache_write", "7"),
        tokens("reasoning", "6"),
        tokens("uncached_prompt", "1"),
        tokens("visible_output", "5"),
    ];
    assert_eq!(series(|| settled(Pricing::Priced, Some(usage), Some(1)).emit()), expected);
    // A tenth cannot be held as a float; ten million tenths, one by one, would come to something else than a million.
    let cost = 100_000_000_000;
    let added = || (0..9).for_each(|_| settled(Pricing::Priced, None, Some(cost)).emit());
    assert_eq!(series(added), [of("belfry_ai_cost_dollars_total", "", "0.900000000001")]);
    let unpriced = [r#"belfry_ai_unpriced_requests_total{model="of this test"} 1"#];
    assert_eq!(series(|| settled(Pricing::Unpriced, None, None).emit()), unpriced);
    assert_eq!(series(|| settled(Pricing::Unknown, None, None).emit()), [""; 0]);
}

#[test]
fn a_budget_that_is_exceeded_and_one_that_is_read() {
    let exceeded = |mode| BudgetExceeded {
        budget: BudgetName::UserDaily,
        mode,
        operation: AiOperation::DescribeDataset,
        model: "m",
    };
    for (mode, name) in [(BudgetMode::Soft, "soft"), (BudgetMode::Hard, "hard")] {
        let expected = [format!("belfry_ai_budget_exceeded_total{{budget=\"user_daily\",mode=\"{name}\"}} 1")];
        assert_eq!(series(|| exceeded(mode).emit()), expected);
    }
    let dollars = |amount: i128| PicoDollars::new(amount * 1_000_000_000_000);
    let read = |limit, sums: Option<[i128; 3]>| {
        let sums = sums.map(|[spent, reserved, projected]| (dollars(spent), dollars(reserved), dollars(projected)));
        series(|| BudgetReading { period: BudgetPeriod::Daily, limit, sums }.emit())
    };
    let amounts = |amounts: [(&str, &str); 5]| {
        amounts.map(|(kind, amount)| format!("belfry_ai_budget_dollars{{period=\"daily\",kind=\"{kind}\"}} {amount}"))
    };
    let all = [("limit", "10"), ("projected", "9"), ("remaining", "3"), ("reserved", "2"), ("spent", "5")];
    assert_eq!(read(Some(dollars(10)), Some([5, 2, 9])), amounts(all));
    let no_limit = [("limit", "NaN"), ("projected", "9"), ("remaining", "NaN"), ("reserved", "2"), ("spent", "5")];
    assert_eq!(read(None, Some([5, 2, 9])), amounts(no_limit));
    let unread = [("limit", "10"), ("projected", "NaN"), ("remaining", "NaN"), ("reserved", "NaN"), ("spent", "NaN")];
    assert_eq!(read(Some(dollars(10)), None), amounts(unread));
}

#[test]
fn an_upload_in_flight() {
    assert_eq!(series(|| std::mem::forget(Upload::begin())), ["belfry_uploads_in_progress 1"]);
}

#[test]
fn an_upload_that_ends_in_an_error_or_is_dropped() {
    let ended = |outcome: &str| {
        vec![
            format!("belfry_upload_duration_seconds{{outcome=\"{outcome}\"}} ?"),
            "belfry_uploads_in_progress 0".to_owned(),
            format!("belfry_uploads_total{{outcome=\"{outcome}\"}} 1"),
        ]
    };
    let by = |error: Error| series(|| Upload::begin().ended_by(&error));
    assert_eq!(by(Error::Incomplete), ended("cancelled"));
    assert_eq!(by(Error::Stalled(30)), ended("cancelled"));
    assert_eq!(by(Error::TooSlow("more".to_owned())), ended("cancelled"));
    assert_eq!(by(Error::TooLarge { limit_bytes: 1 }), ended("too_large"));
    assert_eq!(by(Error::UnsupportedMediaType("text/html".to_owned())), ended("rejected"));
    assert_eq!(by(Error::Storage(anyhow::anyhow!("gone"))), ended("failed"));
    assert_eq!(series(|| drop(Upload::begin())), ended("cancelled"));
}

#[test]
fn a_dataset_that_is_deleted_moves_nothing_by_itself() {
    assert!(series(|| DatasetDeleted { dataset_id: "id", size_bytes: 5, file: None }.emit()).is_empty());
}

#[test]
fn totals_that_are_known_and_that_are_not() {
    let totals = DatasetTotals { datasets: 3, size_bytes: 900 };
    assert_eq!(series(|| DatasetTotals::emit(Some(totals))), ["belfry_dataset_bytes 900", "belfry_datasets 3"]);
    assert_eq!(series(|| DatasetTotals::emit(None)), ["belfry_dataset_bytes NaN", "belfry_datasets NaN"]);
}

fn report(scores: &[(Score, f64)]) -> ChildReport {
    let summary = TrainingSummary {
        rows_train: 80,
        rows_test: 20,
        rows_without_target: 0,
        clamped_values: 0,
        dropped_columns: Vec::new(),
        iterations: 7,
    };
    ChildReport {
        result: TrainingResult { task: Task::Regression, scores: scores.iter().copied().collect(), summary },
        model_size_bytes: 1_000,
        model_sha256: String::new(),
        resources: ResourceUse { cpu_seconds: 1.0, peak_resident_bytes: 1 },
    }
}

#[test]
fn a_run_from_the_queue_to_its_end() {
    let algorithm = Algorithm::ElasticNet;
    assert!(series(|| RunQueued { run_id: "r", dataset_id: "d", algorithm }.emit()).is_empty());
    let claimed = |attempt| RunClaimed { run_id: "r", algorithm, attempt, waited: Duration::from_secs(2) };
    assert_eq!(series(|| claimed(1).emit()), ["belfry_training_queue_wait_seconds ?"]);
    assert!(series(|| claimed(2).emit()).is_empty(), "a second attempt was not only waiting");
    let steps = StepsRecorded { algorithm, count: 7 };
    assert_eq!(series(|| steps.emit()), [r#"belfry_training_iterations_total{algorithm="elastic_net"} 7"#]);

    let report = report(&[(Score::Rmse, 0.5)]);
    let finished = RunFinished {
        algorithm,
        outcome: Outcome::Completed,
        elapsed: Some(Duration::from_secs(3)),
        report: Some(&report),
        ..RunFinished::default()
    };
    let expected = [
        r#"belfry_training_duration_seconds{algorithm="elastic_net",outcome="completed"} ?"#,
        r#"belfry_training_last_score{algorithm="elastic_net",score="rmse"} 0.5"#,
        r#"belfry_training_runs_total{algorithm="elastic_net",outcome="completed"} 1"#,
    ];
    assert_eq!(series(|| finished.emit()), expected);
    let reason = RequeueReason::WorkerLost;
    let requeued = series(|| RunRequeued { run_id: "r", attempt: 1, reason }.emit());
    assert_eq!(requeued, [r#"belfry_training_requeues_total{reason="worker_lost"} 1"#]);
    let cause = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
    let not_started = series(|| ProcessNotStarted { run_id: "r", cause: &cause }.emit());
    assert_eq!(not_started, [r#"errors_total{error_type="process_not_started",component="training"} 1"#]);
    assert!(series(|| ClaimLost { run_id: "r", attempt: 1 }.emit()).is_empty());
}

#[test]
fn a_run_that_never_began_and_whose_algorithm_is_no_label() {
    for outcome in Outcome::VARIANTS {
        let outcome: Outcome = serde_json::from_value(serde_json::Value::from(*outcome)).unwrap();
        let finished = RunFinished { algorithm: Algorithm::Fake, outcome, ..RunFinished::default() };
        let expected = format!("belfry_training_runs_total{{algorithm=\"other\",outcome=\"{outcome}\"}} 1");
        assert_eq!(series(|| finished.emit()), [expected]);
    }
}

#[test]
fn workers_and_what_goes_wrong_around_them() {
    assert_eq!(series(|| std::mem::forget(worker_up())), ["belfry_training_workers 1"]);
    assert_eq!(series(|| drop(run_in_flight())), ["belfry_training_in_progress 0"]);
    let cause = Error::Internal(anyhow::anyhow!("a bug"));
    let failed = series(|| log_background_failure("something failed", &cause));
    assert_eq!(failed, [r#"errors_total{error_type="internal",component="training"} 1"#]);
    let panicked = series(|| WorkerPanicked { run_id: "r" }.emit());
    assert_eq!(panicked, [r#"errors_total{error_type="panic",component="training"} 1"#]);
}

#[test]
fn the_depth_of_the_queue_that_is_known_and_that_is_not() {
    let depth = series(|| QueueDepth { queued: 4, running: 1 }.emit());
    assert_eq!(depth, [r#"belfry_queue_depth{status="queued"} 4"#, r#"belfry_queue_depth{status="running"} 1"#]);
    let forgotten = series(QueueDepth::forget);
    assert_eq!(
        forgotten,
        [r#"belfry_queue_depth{status="queued"} NaN"#, r#"belfry_queue_depth{status="running"} NaN"#]
    );
}

#[test]
fn a_prediction_by_its_outcome() {
    let ended = |outcome: &str| {
        [
            r#"belfry_prediction_duration_seconds{algorithm="random_forest"} ?"#.to_owned(),
            format!("belfry_predictions_total{{algorithm=\"random_forest\",outcome=\"{outcome}\"}} 1"),
        ]
    };
    let start = || PredictionGuard::start(Algorithm::RandomForest);
    assert_eq!(series(|| start().completed()), ended("completed"));
    assert_eq!(series(|| start().rejected()), ended("rejected"));
    assert_eq!(series(|| start().failed()), ended("failed"));
    assert_eq!(series(|| drop(start())), ended("failed"));
}

#[test]
fn a_cycle_of_the_clean_up_and_what_it_met() {
    let ended = |outcome: &str| {
        [
            format!("belfry_cleanup_cycles_total{{outcome=\"{outcome}\"}} 1"),
            "belfry_cleanup_duration_seconds ?".to_owned(),
        ]
    };
    let mut completed = ended("completed").to_vec();
    completed.push("belfry_cleanup_last_success_timestamp_seconds ?".to_owned());
    assert_eq!(series(|| CleanupCycle::begin().completed(1, 0)), completed);
    assert_eq!(series(|| CleanupCycle::begin().failed()), ended("failed"));
    assert_eq!(series(|| CleanupCycle::begin().interrupted(1, 0)), ended("cancelled"));
    assert_eq!(series(|| drop(CleanupCycle::begin())), ended("cancelled"));

    let removed = series(|| ExpiredDatasetRemoved { dataset_id: "d".to_owned(), size_bytes: 12 }.emit());
    assert_eq!(removed, ["belfry_cleanup_bytes_freed_total 12", "belfry_cleanup_files_removed_total 1"]);
    let error = Error::Storage(anyhow::anyhow!("read-only"));
    let kept = series(|| ExpiredDatasetNotRemoved { dataset_id: "d".to_owned(), error: &error }.emit());
    assert_eq!(kept, ["belfry_cleanup_errors_total 1"]);
    assert_eq!(series(|| CleanupLag { seconds: Some(2.5) }.emit()), ["belfry_cleanup_lag_seconds 2.5"]);
    assert_eq!(series(|| CleanupLag { seconds: None }.emit()), ["belfry_cleanup_lag_seconds NaN"]);
}

#[test]
fn what_jobs_meet_besides_what_the_monitor_counts() {
    let failed = series(|| JobFailed { job_name: "ttl_cleanup" }.emit());
    assert_eq!(failed, [r#"errors_total{error_type="job_failed",component="ttl_cleanup"} 1"#]);
    let aborted = series(|| JobAborted { job_name: "ttl_cleanup", id: "id" }.emit());
    let expected = [
        r#"scheduler_job_last_failure_timestamp_seconds{job_name="ttl_cleanup"} ?"#,
        r#"scheduler_jobs_total{job_name="ttl_cleanup",status="aborted"} 1"#,
    ];
    assert_eq!(aborted, expected);
    let lost = series(|| FileLost { kind: "dataset", storage_key: "key" }.emit());
    assert_eq!(lost, [r#"errors_total{error_type="file_lost",component="storage"} 1"#]);
    assert!(series(|| ClockJumped { seconds: 3600.0 }.emit()).is_empty());
    let saved = series(|| DatabaseSaved { file: "name", size_bytes: 4096 }.emit());
    assert_eq!(saved, ["belfry_backup_size_bytes 4096"]);
}

#[test]
fn runs_of_every_status_are_shown_or_none() {
    let shown = |count: &str| {
        let statuses = ["cancelled", "completed", "failed", "queued", "running"];
        statuses.map(|status| {
            format!(r#"belfry_runs{{status="{status}"}} {}"#, if status == "queued" { count } else { "0" })
        })
    };
    let mut counted = series(|| RunTotals::emit(Some(RunTotals(vec![(RunStatus::Queued, 3)]))));
    counted.sort_unstable();
    assert_eq!(counted, shown("3"));
    let unknown = series(|| RunTotals::emit(None));
    assert!(unknown.len() == 5 && unknown.iter().all(|line| line.ends_with(" NaN")), "{unknown:?}");
}

#[test]
fn an_alert_that_is_raised_and_resolved() {
    let (name, severity) = ("DiskAlmostFull", Severity::Warning);
    let raised = series(|| AlertRaised { name, severity, source: "resource_check", description: "90 %" }.emit());
    assert_eq!(raised, [r#"belfry_alerts_total{change="raised",severity="warning"} 1"#]);
    let resolved = series(|| AlertResolved { name, severity, source: "resource_check" }.emit());
    assert_eq!(resolved, [r#"belfry_alerts_total{change="resolved",severity="warning"} 1"#]);
}

#[test]
fn a_canary_that_arrives() {
    let expected = ["belfry_alert_delivery_last_timestamp_seconds ?", "belfry_alert_delivery_seconds ?"];
    assert_eq!(series(|| CanaryDelivered { starts_at: 1_000_000, now: 3_500_000 }.emit()), expected);
    // The clocks differ.
    assert_eq!(series(|| CanaryDelivered { starts_at: 2_000_000, now: 1_000_000 }.emit()), expected);
}

#[test]
fn a_message_about_an_alert() {
    let counted = series(|| AlertMessage { outcome: AlertMessageOutcome::LimitReached }.emit());
    assert_eq!(counted, [r#"belfry_alert_messages_total{outcome="limit_reached"} 1"#]);
}

#[test]
fn a_billing_event_by_what_becomes_of_it() {
    let counted =
        |kind: &str, outcome: &str| [format!("belfry_billing_events_total{{type=\"{kind}\",outcome=\"{outcome}\"}} 1")];
    let of_type = || {
        let mut received = BillingEventReceived::begin();
        received.is_signed();
        received.has_type(BillingEventType::PaymentSucceeded);
        received
    };
    assert_eq!(series(|| of_type().stored("id")), counted("payment.succeeded", "stored"));
    assert_eq!(series(|| of_type().repeated()), counted("payment.succeeded", "repeated"));
    assert_eq!(series(|| drop(of_type())), counted("payment.succeeded", "cancelled"));
    let mut other = BillingEventReceived::begin();
    other.has_type(BillingEventType::Other);
    assert_eq!(series(|| other.ignored()), counted("other", "ignored"));
    let by = |error: Error| series(|| BillingEventReceived::begin().ended_by(&error));
    let detail = String::new;
    assert_eq!(by(Error::SwitchedOff { code: "billing_disabled", detail: detail() }), counted("unread", "off"));
    assert_eq!(
        by(Error::SignatureRefused { code: "signature_mismatch", detail: detail() }),
        counted("unread", "refused")
    );
    assert_eq!(by(Error::Conflict { code: "webhook_id_reused", detail: detail() }), counted("unread", "conflict"));
    assert_eq!(by(Error::TooLarge { limit_bytes: 1 }), counted("unread", "refused"));
    let invalid = series(|| of_type().ended_by(&Error::invalid("unknown_currency", "")));
    assert_eq!(invalid, counted("payment.succeeded", "invalid"));
    assert_eq!(by(Error::Incomplete), counted("unread", "cancelled"));
    assert_eq!(by(Error::BuffersFull), counted("unread", "failed"));
    assert_eq!(by(Error::Storage(anyhow::anyhow!("away"))), counted("unread", "failed"));
}

#[test]
fn what_the_ledger_of_billing_events_has() {
    let amounts = |currency: &str, amount| vec![(currency.to_owned(), amount)];
    let totals = BillingTotals {
        conversions: 3,
        revenue: amounts("EUR", 1_900),
        refunds: amounts("EUR", 400),
        last_received_at: Some(1_500_000),
    };
    let expected = [
        "belfry_billing_last_event_timestamp_seconds ?",
        r#"belfry_refunds_minor_units_total{currency="EUR"} 400"#,
        r#"belfry_revenue_minor_units_total{currency="EUR"} 1900"#,
        "belfry_subscription_conversions_total 3",
    ];
    assert_eq!(series(|| totals.emit()), expected);
}

#[test]
fn a_notification_by_what_becomes_of_it() {
    let counted = |outcome: &str| [format!("belfry_alert_notifications_total{{outcome=\"{outcome}\"}} 1")];
    assert_eq!(series(|| NotificationReceived::begin().stored(3, 1)), counted("stored"));
    assert_eq!(series(|| drop(NotificationReceived::begin())), counted("cancelled"));
    let by = |error: Error| series(|| NotificationReceived::begin().ended_by(&error));
    assert_eq!(by(Error::Unauthorized("")), counted("refused"));
    assert_eq!(by(Error::Forbidden { code: "webhook_off", detail: String::new() }), counted("refused"));
    assert_eq!(by(Error::TooLarge { limit_bytes: 1 }), counted("invalid"));
    assert_eq!(by(Error::BuffersFull), counted("failed"));
    assert_eq!(by(Error::Storage(anyhow::anyhow!("away"))), counted("failed"));
}

#[test]
fn a_training_process_that_ended_badly_moves_nothing_by_itself() {
    let exit = std::process::ExitStatus::default();
    let failed = || ChildFailed { run_id: "r", outcome: Outcome::Crashed, exit, stderr_tail: "last words" }.emit();
    assert!(series(failed).is_empty());
}

#[test]
fn a_client_that_follows_a_run() {
    assert_eq!(series(|| std::mem::forget(follower_in_progress())), ["belfry_run_followers 1"]);
    assert_eq!(series(|| drop(follower_in_progress())), ["belfry_run_followers 0"]);
    assert_eq!(series(|| std::mem::forget(run_followed())), ["belfry_runs_followed 1"]);
}

#[test]
fn every_event_is_tested_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/events");
    let (tests, mut events) = (include_str!("tests.rs"), 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let declared = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub(crate) struct "));
            let Some(declared) = declared else { continue };
            let name = declared.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            events += 1;
            // Used, beyond being imported.
            let used = [" {", "::", "("].iter().any(|after| tests.contains(&format!("{name}{after}")));
            assert!(used, "{}: {name} has no test; say in events/tests.rs which series it moves", path.display());
        }
    }
    assert!(events >= 20, "only {events} events found");
}
