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
    /// JSON bodies have taken all of SERVER__MAX_BUFFERED_BYTES.
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
