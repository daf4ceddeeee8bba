//! Belfry's own metrics, one row each; closed label values are the enums of `labels.rs`. The standard metrics are in
//! `belfry_telemetry::catalogue`.

use belfry_learning::outcome::Outcome;
use belfry_learning::protocol::Score;
use belfry_telemetry::catalogue;
use belfry_telemetry::catalogue::{LATENCY_SECONDS, SIZE_BYTES, WORK_SECONDS};
use belfry_telemetry::metric::Open;

use crate::labels::{
    ActivePeriod, AiOperation, AiOutcome, AlertChange, AlertMessageOutcome, AlgorithmLabel, AuthFailure,
    BillingEventType, BillingOutcome, BudgetAmount, BudgetMode, BudgetName, BudgetPeriod, CleanupOutcome,
    ConnectionCut, ConnectionRefusal, MessageOutcome, NotificationOutcome, PredictionOutcome, QueryOutcome,
    QuerySource, RequestRefusal, RequeueReason, RunStatus, Severity, TokenType, UnfinishedStatus, UpdateOutcome,
    UploadOutcome,
};

catalogue! {
    /// Connections open now.
    gauge HTTP_CONNECTIONS_OPEN = "http_connections_open" {};
    /// Connections not served, by reason. Those that only asked `/livez`, `/readyz` or `/metrics` were served.
    counter HTTP_CONNECTIONS_REFUSED_TOTAL = "http_connections_refused_total" { reason: ConnectionRefusal };
    /// Connections cut, by reason.
    counter HTTP_CONNECTIONS_CUT_TOTAL = "http_connections_cut_total" { reason: ConnectionCut };
    /// Requests refused for how they were sent or for a limit that they met, by reason.
    counter HTTP_REQUESTS_REFUSED_TOTAL = "http_requests_refused_total" { reason: RequestRefusal };

    /// Uploads ended, by outcome.
    counter UPLOADS_TOTAL = "belfry_uploads_total" { outcome: UploadOutcome };
    /// Size of stored uploads, as sent.
    histogram UPLOAD_SIZE_BYTES = "belfry_upload_size_bytes" {} buckets SIZE_BYTES;
    /// Time from an upload's first byte to its acknowledgement.
    histogram UPLOAD_DURATION_SECONDS = "belfry_upload_duration_seconds" { outcome: UploadOutcome } buckets WORK_SECONDS;
    /// Uploads in flight.
    gauge UPLOADS_IN_PROGRESS = "belfry_uploads_in_progress" {};
    /// Datasets stored and not expired.
    reading DATASETS = "belfry_datasets" {};
    /// Bytes of the stored datasets.
    reading DATASET_BYTES = "belfry_dataset_bytes" {};

    /// Training runs in the database, by status.
    reading RUNS = "belfry_runs" { status: RunStatus };
    /// Training runs ended, by outcome.
    counter TRAINING_RUNS_TOTAL = "belfry_training_runs_total" { algorithm: AlgorithmLabel, outcome: Outcome };
    /// Training runs that went back into the queue, by reason; `not_started`: the machine had no process for it.
    counter TRAINING_REQUEUES_TOTAL = "belfry_training_requeues_total" { reason: RequeueReason };
    /// Time a run took, from its start to its end.
    histogram TRAINING_DURATION_SECONDS = "belfry_training_duration_seconds" { algorithm: AlgorithmLabel, outcome: Outcome } buckets WORK_SECONDS;
    /// Runs this process trains now.
    gauge TRAINING_IN_PROGRESS = "belfry_training_in_progress" {};
    /// Runs in the database that have not ended.
    reading QUEUE_DEPTH = "belfry_queue_depth" { status: UnfinishedStatus };
    /// Time a run waited before a worker took it.
    histogram TRAINING_QUEUE_WAIT_SECONDS = "belfry_training_queue_wait_seconds" {} buckets WORK_SECONDS;
    /// Training steps done: trees grown or solver rounds.
    counter TRAINING_ITERATIONS_TOTAL = "belfry_training_iterations_total" { algorithm: AlgorithmLabel };
    /// Score of the last completed run on its held-out rows.
    reading TRAINING_LAST_SCORE = "belfry_training_last_score" { algorithm: AlgorithmLabel, score: Score };
    /// Workers of this process.
    gauge TRAINING_WORKERS = "belfry_training_workers" {};
    /// Clients that follow the events of a run.
    gauge RUN_FOLLOWERS = "belfry_run_followers" {};
    /// Runs that are followed here; the database is read once for all followers of a run.
    gauge RUNS_FOLLOWED = "belfry_runs_followed" {};
    /// Requests for predictions, by outcome.
    counter PREDICTIONS_TOTAL = "belfry_predictions_total" { algorithm: AlgorithmLabel, outcome: PredictionOutcome };
    /// Time to predict one request's rows.
    histogram PREDICTION_DURATION_SECONDS = "belfry_prediction_duration_seconds" { algorithm: AlgorithmLabel } buckets LATENCY_SECONDS;

    /// Clean-up cycles ended, by outcome.
    counter CLEANUP_CYCLES_TOTAL = "belfry_cleanup_cycles_total" { outcome: CleanupOutcome };
    /// Expired files removed.
    counter CLEANUP_FILES_REMOVED_TOTAL = "belfry_cleanup_files_removed_total" {};
    /// Bytes freed by removing expired files.
    counter CLEANUP_BYTES_FREED_TOTAL = "belfry_cleanup_bytes_freed_total" {};
    /// Expired files that could not be removed.
    counter CLEANUP_ERRORS_TOTAL = "belfry_cleanup_errors_total" {};
    /// Time a clean-up cycle took.
    histogram CLEANUP_DURATION_SECONDS = "belfry_cleanup_duration_seconds" {} buckets WORK_SECONDS;
    /// Time since the oldest expired dataset that is not removed yet expired.
    reading CLEANUP_LAG_SECONDS = "belfry_cleanup_lag_seconds" {};
    /// When clean-up last completed a cycle, as a Unix timestamp.
    reading CLEANUP_LAST_SUCCESS_TIMESTAMP_SECONDS = "belfry_cleanup_last_success_timestamp_seconds" {};

    /// Alerts raised and resolved.
    counter ALERTS_TOTAL = "belfry_alerts_total" { change: AlertChange, severity: Severity };
    /// Time from the start of the alert AlertDeliveryCanary to its notification at the webhook.
    histogram ALERT_DELIVERY_SECONDS = "belfry_alert_delivery_seconds" {} buckets WORK_SECONDS;
    /// When the alert AlertDeliveryCanary last came to the webhook, as a Unix timestamp.
    reading ALERT_DELIVERY_LAST_TIMESTAMP_SECONDS = "belfry_alert_delivery_last_timestamp_seconds" {};
    /// Messages about the service's own alerts, by outcome.
    counter ALERT_MESSAGES_TOTAL = "belfry_alert_messages_total" { outcome: AlertMessageOutcome };
    /// Notifications that came to the alerts' webhook, by outcome.
    counter ALERT_NOTIFICATIONS_TOTAL = "belfry_alert_notifications_total" { outcome: NotificationOutcome };
    /// Size of the last backup of the database.
    reading BACKUP_SIZE_BYTES = "belfry_backup_size_bytes" {};

    /// Messages for Telegram, by what became of them; the text of one that was not delivered is in the log.
    counter TELEGRAM_MESSAGES_TOTAL = "belfry_telegram_messages_total" { outcome: MessageOutcome };
    /// Updates that Telegram handed out to the bot, by what became of them.
    counter TELEGRAM_UPDATES_TOTAL = "belfry_telegram_updates_total" { outcome: UpdateOutcome };

    /// Billing events delivered to this server, by type and outcome; `unread`: refused before its type was read.
    counter BILLING_EVENTS_TOTAL = "belfry_billing_events_total" { type: BillingEventType, outcome: BillingOutcome };
    /// Subscriptions started, of all time, as the ledger of billing events has them: every server says the same.
    float_counter SUBSCRIPTION_CONVERSIONS_TOTAL = "belfry_subscription_conversions_total" {};
    /// Payments in the ledger of billing events, of all time, in minor units of the currency such as cents: every server says the same.
    float_counter REVENUE_MINOR_UNITS_TOTAL = "belfry_revenue_minor_units_total" { currency: Open } cap 400;
    /// Refunds in the ledger of billing events, of all time, in minor units of the currency such as cents: every server says the same.
    float_counter REFUNDS_MINOR_UNITS_TOTAL = "belfry_refunds_minor_units_total" { currency: Open } cap 400;
    /// When the last event came into the ledger of billing events, as a Unix timestamp.
    reading BILLING_LAST_EVENT_TIMESTAMP_SECONDS = "belfry_billing_last_event_timestamp_seconds" {};

    /// Requests that were not let in, by reason.
    counter AUTH_FAILURES_TOTAL = "belfry_auth_failures_total" { reason: AuthFailure };
    /// Users that are not deactivated.
    reading USERS = "belfry_users" {};
    /// Users whose keys were used, by period: today, in the last seven, in the last thirty days (UTC).
    reading ACTIVE_USERS = "belfry_active_users" { period: ActivePeriod };

    /// Queries of the viewer's pages ended, by outcome. How long their sources take is in `external_api_duration_seconds`.
    counter VIEWER_QUERIES_TOTAL = "belfry_viewer_queries_total" { source: QuerySource, outcome: QueryOutcome };

    /// Calls to the AI provider ended, each try by itself, by outcome.
    counter AI_REQUESTS_TOTAL = "belfry_ai_requests_total" { operation: AiOperation, model: Open, status: AiOutcome };
    /// Time of one call to the AI provider, each try by itself.
    histogram AI_REQUEST_DURATION_SECONDS = "belfry_ai_request_duration_seconds" { operation: AiOperation, model: Open } buckets LATENCY_SECONDS;
    /// Explanations of runs that were written and stored.
    counter EXPLANATIONS_TOTAL = "belfry_explanations_total" {};
    /// Tokens that the AI provider says were used, by kind; no token is in two kinds.
    counter AI_TOKENS_TOTAL = "belfry_ai_tokens_total" { operation: AiOperation, model: Open, token_type: TokenType };
    /// Dollars that calls to the AI provider cost, by our prices; calls whose cost is not known are not in it.
    float_counter AI_COST_DOLLARS_TOTAL = "belfry_ai_cost_dollars_total" { operation: AiOperation, model: Open };
    /// Calls to the AI provider that used a model without a price.
    counter AI_UNPRICED_REQUESTS_TOTAL = "belfry_ai_unpriced_requests_total" { model: Open };
    /// The budget of the present day and month: its limit, what is spent and reserved of it, what remains, and what will be spent by its end.
    reading AI_BUDGET_DOLLARS = "belfry_ai_budget_dollars" { period: BudgetPeriod, kind: BudgetAmount };
    /// Calls to the AI provider beyond a budget; `soft`: made with a warning; `hard`: refused.
    counter AI_BUDGET_EXCEEDED_TOTAL = "belfry_ai_budget_exceeded_total" { budget: BudgetName, mode: BudgetMode };
}
