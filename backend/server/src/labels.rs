//! Closed sets of label values, one enum each, so that a value outside its set does not compile. The catalogue's lists
//! are made from them. Those of training itself are in `belfry_learning`.

use belfry_learning::algorithm::Algorithm;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, IntoStaticStr, VariantNames};

/// Where a run is in its life cycle, with the names that the database, the API and metric labels use.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunStatus {
    /// Waits for a worker.
    Queued,
    /// A worker has claimed it.
    Running,
    /// It ended with a model.
    Completed,
    /// It ended without a model; the outcome says how.
    Failed,
    /// It ended because a client cancelled it.
    Cancelled,
}

impl RunStatus {
    /// The name in the database, the API and metric labels.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether the run can no longer change.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// The status of a run that has not ended.
#[derive(Clone, Copy, Debug, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UnfinishedStatus {
    /// As [`RunStatus::Queued`].
    Queued,
    /// As [`RunStatus::Running`].
    Running,
}

/// An algorithm as a label value: its name; the hidden test algorithm is `other`.
#[derive(Clone, Copy, Debug)]
pub struct AlgorithmLabel(pub Algorithm);

impl VariantNames for AlgorithmLabel {
    const VARIANTS: &'static [&'static str] = &{
        let mut names = [""; Algorithm::VARIANTS.len()];
        names.copy_from_slice(Algorithm::VARIANTS);
        // The test algorithm is the last one.
        names[Algorithm::ALL.len()] = "other";
        names
    };
}

impl From<AlgorithmLabel> for &'static str {
    fn from(AlgorithmLabel(algorithm): AlgorithmLabel) -> Self {
        match algorithm {
            Algorithm::Fake => "other",
            algorithm => algorithm.name(),
        }
    }
}

/// The part of the server in which an error was handled: the label `component` of `errors_total`.
#[derive(Clone, Copy, Debug, AsRefStr)]
#[strum(serialize_all = "snake_case")]
pub enum Component {
    /// A request's handler.
    Api,
    /// The database.
    Database,
    /// The file store.
    Storage,
    /// Training.
    Training,
}

/// Why a run went back into the queue.
#[derive(Clone, Copy, Debug, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RequeueReason {
    /// The server that trained it shuts down.
    Shutdown,
    /// Its training process was stopped from outside.
    Interrupted,
    /// The server failed to train it.
    CouldNotRun,
    /// The machine had no process or thread for it.
    NotStarted,
    /// Its worker died or lost its lease.
    WorkerLost,
}

/// Why a connection was not served: the label `reason` of `http_connections_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConnectionRefusal {
    /// All clients together have as many as SERVER__MAX_CONNECTIONS allows.
    MaxConnections,
    /// The client's address has as many as SERVER__MAX_CONNECTIONS_PER_ADDRESS allows.
    MaxConnectionsPerAddress,
    /// The operating system did not hand it over, as when this process has no file descriptor left.
    AcceptFailed,
}

/// Why a connection was cut: the label `reason` of `http_connections_cut_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConnectionCut {
    /// A request's header was not complete in SERVER__HEADER_TIMEOUT.
    HeaderTimeout,
    /// No further request came in SERVER__IDLE_TIMEOUT.
    IdleTimeout,
    /// The client took less of its response than SERVER__MIN_RESPONSE_RATE in SERVER__WRITE_TIMEOUT.
    WriteTimeout,
    /// What came was not HTTP/1, or its header was too large.
    Malformed,
}

/// Why a request was refused for how it was sent, or for a limit that it met: the label `reason` of
/// `http_requests_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RequestRefusal {
    /// Its body came too slowly.
    SlowBody,
    /// Its body was not as HTTP/1.1 has it, such as a chunk without a size.
    MalformedBody,
    /// Bodies have taken all the memory that SERVER__MAX_BUFFERED_BYTES allows them.
    MaxBufferedBytes,
    /// Its `Host` is missing, doubled or none.
    InvalidHost,
    /// Its `Host` is not in SERVER__ALLOWED_HOSTS.
    UnknownHost,
    /// A web page of another site sent it.
    CrossSite,
    /// As many uploads as UPLOAD__MAX_CONCURRENT allows are in flight, and keep up.
    MaxUploads,
    /// As many clients follow runs, or this run, as TRAINING__MAX_FOLLOWERS or TRAINING__MAX_FOLLOWERS_PER_RUN allows.
    MaxFollowers,
    /// As many runs as TRAINING__MAX_QUEUED allows wait.
    MaxQueued,
}

/// How a request for predictions ended.
#[derive(Clone, Copy, Debug, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PredictionOutcome {
    /// The rows were predicted.
    Completed,
    /// The rows do not fit the model.
    Rejected,
    /// The model could not be read, or the computation panicked.
    Failed,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UploadOutcome {
    /// It is a dataset now.
    Stored,
    /// Its content or its form was refused.
    Rejected,
    /// It was larger than allowed, as sent or once unpacked.
    TooLarge,
    /// Its client went away or stopped sending.
    Cancelled,
    /// The fault was on this side.
    Failed,
}

/// How a clean-up cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CleanupOutcome {
    /// It looked at every expired dataset.
    Completed,
    /// It could not go on.
    Failed,
    /// The process stopped first.
    Cancelled,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AlertChange {
    /// It was opened.
    Raised,
    /// It was closed.
    Resolved,
}

/// How bad an alert is, the least first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Nothing to be done.
    Info,
    /// To be looked at soon.
    Warning,
    /// Something failed.
    Error,
    /// To be looked at now.
    Critical,
}

/// What became of a notification of Alertmanager's: the label `outcome` of `belfry_alert_notifications_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum NotificationOutcome {
    /// Its alerts are stored.
    Stored,
    /// It is none, or has too many alerts.
    Invalid,
    /// Its sender has not the token, or none is set.
    Refused,
    /// The fault was on this side.
    Failed,
    /// Its sender went away.
    Cancelled,
}

/// What became of a message about an alert of the service's own: the label `outcome` of `belfry_alert_messages_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AlertMessageOutcome {
    /// It was handed to whoever is notified.
    Sent,
    /// Not sent: nobody is to be notified.
    Off,
    /// Not sent: the alert was announced and resolved less than ALERTS__REPEAT_AFTER ago.
    Repeated,
    /// Not sent: ALERTS__MAX_MESSAGES were.
    LimitReached,
}

/// What a billing event tells of: the label `type` of `belfry_billing_events_total`, and the types in the ledger and the API,
/// which are all but the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
pub enum BillingEventType {
    /// Somebody subscribed.
    #[strum(serialize = "subscription.started")]
    SubscriptionStarted,
    /// A subscription goes on for another period.
    #[strum(serialize = "subscription.renewed")]
    SubscriptionRenewed,
    /// A subscription was cancelled.
    #[strum(serialize = "subscription.cancelled")]
    SubscriptionCancelled,
    /// A payment came in.
    #[strum(serialize = "payment.succeeded")]
    PaymentSucceeded,
    /// A payment was given back, or a part of it.
    #[strum(serialize = "payment.refunded")]
    PaymentRefunded,
    /// Anything else that a provider tells of.
    #[strum(serialize = "other")]
    Other,
    /// Not read: it was refused before, or is no event.
    #[strum(serialize = "unread")]
    Unread,
}

impl BillingEventType {
    /// The type with this name, if events of it are kept.
    pub fn kept(name: &str) -> Option<Self> {
        name.parse().ok().filter(|found| !matches!(found, Self::Other | Self::Unread))
    }

    /// The name in the ledger, the API and metric labels.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is about money that was paid, and so has an amount.
    pub const fn is_payment(self) -> bool {
        matches!(self, Self::PaymentSucceeded | Self::PaymentRefunded)
    }
}

/// What became of a billing event that was delivered: the label `outcome` of `belfry_billing_events_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum BillingOutcome {
    /// It is in the ledger now.
    Stored,
    /// It was there already.
    Repeated,
    /// Another one with its id was there already.
    Conflict,
    /// Events of its type are not kept.
    Ignored,
    /// It is signed, and not as expected.
    Invalid,
    /// It is not signed as it must be, or is too large or too slow to be verified.
    Refused,
    /// No secret is set.
    Off,
    /// The fault was on this side.
    Failed,
    /// Its sender went away.
    Cancelled,
}

/// Why a request was not let in: the label `reason` of `belfry_auth_failures_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AuthFailure {
    /// It shows no key.
    Missing,
    /// There is no such key.
    Unknown,
    /// The time of its key is over.
    Expired,
    /// Its key was revoked, or the user of the key deactivated.
    Revoked,
    /// Its key lacks the scope of the route.
    ScopeMissing,
    /// Its token for the first key was never given, was used, or is too old.
    SetupToken,
    /// AUTH__MAX_FAILURES of its address were refused before.
    RateLimited,
}

/// In which time users were active: the label `period` of `belfry_active_users`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ActivePeriod {
    /// Today.
    Dau,
    /// In the last seven days.
    Wau,
    /// In the last thirty days.
    Mau,
}

/// A service that the viewer's pages may query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum QuerySource {
    /// Metrics, targets and rules.
    Prometheus,
    /// Logs.
    Loki,
    /// Alerts and silences.
    Alertmanager,
}

impl QuerySource {
    /// Its own name, for messages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Loki => "Loki",
            Self::Alertmanager => "Alertmanager",
        }
    }
}

/// How a query of a page ended: the label `outcome` of `belfry_viewer_queries_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum QueryOutcome {
    /// The source's answer was passed on.
    Answered,
    /// It was refused here, for its parameters or because its source is not configured.
    Refused,
    /// Its source refused it.
    RefusedBySource,
    /// Too many others ran or waited.
    Busy,
    /// Its source took longer than VIEWER__QUERY_TIMEOUT.
    Timeout,
    /// Its source could not be reached, or failed.
    Unreachable,
    /// The answer had more than VIEWER__MAX_ANSWER_BYTES.
    TooLarge,
    /// The answer was not JSON.
    Invalid,
    /// Its client went away.
    Cancelled,
}

/// What became of a message for Telegram: the label `outcome` of `belfry_telegram_messages_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum MessageOutcome {
    /// Telegram has all of it.
    Delivered,
    /// Telegram refused it, or was away for too long; its text is in the log.
    Failed,
    /// It was not taken into the queue; its text is in the log.
    Dropped,
}

/// What became of an update that Telegram handed out: the label `outcome` of `belfry_telegram_updates_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UpdateOutcome {
    /// A command, which was answered.
    Answered,
    /// A command that there is not, answered with the list of those that there are.
    UnknownCommand,
    /// No command for this bot.
    NoCommand,
    /// Of another chat than TELEGRAM__CHAT_ID, and ignored.
    OtherChat,
    /// Not as the Bot API documents it, and ignored.
    Malformed,
}

/// What an AI provider was asked for: the label `operation` of the metrics `belfry_ai_*`, and the ledger's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumIter, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AiOperation {
    /// To explain how a training run went.
    ExplainRun,
    /// To describe a dataset.
    DescribeDataset,
}

/// How one call to an AI provider ended, as the ledger has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumIter, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AiOutcome {
    /// It answered, and said what it used.
    Ok,
    /// No answer came in time.
    Timeout,
    /// It could not be reached: nothing of the request was sent.
    Unreachable,
    /// It refused the key or the account, such as by 401, 402 or 403.
    Refused,
    /// It answered 429.
    RateLimited,
    /// It answered 5xx.
    ServerError,
    /// It did not accept the request, such as by 400 or 404.
    BadRequest,
    /// Its answer is none that can be read.
    Malformed,
    /// It answered, and did not say what it used.
    NoUsage,
    /// Its answer broke off.
    Truncated,
    /// Whoever asked went away.
    Cancelled,
    /// The process that called died, or could not write how it ended.
    Unknown,
}

/// What is known of the cost of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Pricing {
    /// A price was applied to what the provider says was used.
    Priced,
    /// It costs nothing: the model is free, or the call came to nothing that is billed.
    Free,
    /// The model has no price.
    Unpriced,
    /// Whether it is billed, and how much, is not known.
    Unknown,
}

/// The kinds of tokens that are priced apart; no token is in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum TokenType {
    /// Read, and not from the provider's cache.
    UncachedPrompt,
    /// Read from the provider's cache.
    CacheRead,
    /// Written to the provider's cache.
    CacheWrite,
    /// Written, to be seen.
    VisibleOutput,
    /// Written in thinking, not to be seen.
    Reasoning,
}

/// A period of the budget of all calls together: the label `period` of `belfry_ai_budget_dollars`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, EnumIter, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BudgetPeriod {
    /// A calendar day.
    Daily,
    /// A calendar month.
    Monthly,
}

/// Which amount of a budget: the label `kind` of `belfry_ai_budget_dollars`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum BudgetAmount {
    /// What may be spent; absent without a limit.
    Limit,
    /// What calls that have ended cost, at most.
    Spent,
    /// What calls in flight cost at most.
    Reserved,
    /// The limit without the two; absent without a limit.
    Remaining,
    /// What will have been spent at the period's end if it goes on as of late.
    Projected,
}

/// A budget that may be set: the label `budget` of `belfry_ai_budget_exceeded_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumIter, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BudgetName {
    /// AI__BUDGET_DAILY.
    Daily,
    /// AI__BUDGET_MONTHLY.
    Monthly,
    /// AI__BUDGET_USER_DAILY.
    UserDaily,
    /// AI__BUDGET_USER_MONTHLY.
    UserMonthly,
}

/// What becomes of a call beyond a budget: AI__BUDGET_MODE, and the label `mode` of `belfry_ai_budget_exceeded_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, IntoStaticStr, VariantNames, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BudgetMode {
    /// It is made, with a warning.
    Soft,
    /// It is refused.
    Hard,
}

#[cfg(test)]
mod tests {
    use belfry_learning::outcome::Outcome;
    use serde_json::Value;

    use super::*;

    #[test]
    fn algorithms_are_labelled_by_name_and_the_fake_one_as_other() {
        let mut expected = Algorithm::ALL.map(Algorithm::name).to_vec();
        expected.push("other");
        assert_eq!(AlgorithmLabel::VARIANTS, expected);
        for (algorithm, expected) in Algorithm::ALL.into_iter().chain([Algorithm::Fake]).zip(expected) {
            assert_eq!(<&str>::from(AlgorithmLabel(algorithm)), expected);
        }
    }

    #[test]
    fn unfinished_statuses_are_those_that_have_not_ended() {
        let has_ended = |name: &str| name.parse::<RunStatus>().unwrap().has_ended();
        for name in RunStatus::VARIANTS {
            assert_eq!(UnfinishedStatus::VARIANTS.contains(name), !has_ended(name), "{name}");
        }
        let names = [UnfinishedStatus::Queued, UnfinishedStatus::Running].map(<&str>::from);
        assert_eq!(names, [RunStatus::Queued.name(), RunStatus::Running.name()]);
    }

    #[test]
    fn labels_have_the_names_that_json_has() {
        for name in RunStatus::VARIANTS {
            let status: RunStatus = serde_json::from_value(Value::from(*name)).unwrap();
            assert_eq!((status.name(), name.parse()), (*name, Ok(status)));
        }
        for name in Outcome::VARIANTS {
            let outcome: Outcome = serde_json::from_value(Value::from(*name)).unwrap();
            assert_eq!(outcome.name(), *name);
        }
    }
}
