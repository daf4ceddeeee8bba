//! Faults that are injected for real, into a stack with a backend and a blackbox exporter of its own.
//!
//! Each is a function that injects its fault, keeps it up until its alerts have been delivered, and mends it.

mod calls;
mod clients;
mod monitoring;
mod service;
mod telemetry;
mod work;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::receiver::Receiver;
use super::services::Services;
use super::stack::Stack;

/// What times are divided by: less than in a replay, because a real service takes its time.
pub const FACTOR: u32 = 30;

/// A fault, and the alerts that it drives.
#[derive(Debug)]
pub struct Fault {
    /// Which.
    pub kind: Kind,
    /// The alerts that fire by it, and are not muted by one another.
    pub alerts: &'static [&'static str],
    /// What is done, as a clause.
    pub what: &'static str,
    /// How long it takes until the conditions hold, about.
    pub takes: Duration,
}

/// Which fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Killed,
    DatabaseMoved,
    WrongToken,
    Restarting,
    AiFailing,
    AiRefusing,
    AiSlow,
    PrometheusUnreachable,
    DatasetsNotWritable,
    ModelsDamaged,
    RunsCrash,
    RunsTimeOut,
    NoWorker,
    BackupFails,
    FilesNotRemovable,
    LokiRefuses,
    CollectorAway,
    StatsdAway,
    BadClients,
    ConnectionsTaken,
    SlowClients,
    ExporterKilled,
    ExporterRestarting,
    BadRule,
    BrokenFiles,
    SecondAlertmanagerAway,
    ReceiverRefuses,
}

const fn fault(kind: Kind, seconds: u64, alerts: &'static [&'static str], what: &'static str) -> Fault {
    Fault { kind, alerts, what, takes: Duration::from_secs(seconds) }
}

/// All faults.
#[rustfmt::skip]
pub const ALL: &[Fault] = &[
    fault(Kind::Killed, 2, &["ServiceUnreachable"], "the backend is killed, and started again"),
    fault(Kind::DatabaseMoved, 4, &["ServiceNotReady"], "the file of its database is moved away, and back"),
    fault(Kind::WrongToken, 3, &["ServiceMetricsMissing"], "the backend is started with a bearer token that Prometheus lacks, and again without"),
    fault(Kind::Restarting, 12, &["ServiceRestarting"], "the backend is killed and started over and over"),
    fault(Kind::AiFailing, 6, &["ExternalApiErrorsHigh", "HealthCheckFailing"], "the AI provider answers 503, then 200"),
    fault(Kind::AiRefusing, 12, &["ExternalApiRefused", "ExternalApiRateLimited"], "the AI provider answers 401 and 429, then 200"),
    fault(Kind::AiSlow, 16, &["HealthCheckSlow"], "the AI provider takes 1.3 s for an answer, then none"),
    fault(Kind::PrometheusUnreachable, 5, &["ViewerQueriesFailing"], "pages ask a Prometheus that does not listen"),
    fault(Kind::DatasetsNotWritable, 5, &["UploadsFailing"], "a file lies where the folder of datasets was, and is removed"),
    fault(Kind::ModelsDamaged, 10, &["PredictionsFailing", "HttpErrorsHigh", "ServiceErrorsLogged"], "the file of a model is overwritten, and predictions are asked of it"),
    fault(Kind::RunsCrash, 6, &["TrainingRunsCrashing"], "training processes panic"),
    fault(Kind::RunsTimeOut, 8, &["TrainingRunsTimingOut"], "training runs hang until their time limit"),
    fault(Kind::NoWorker, 10, &["TrainingQueueStuck", "HttpRequestsRefused"], "runs are queued at a backend without workers, more than may wait"),
    fault(Kind::BackupFails, 6, &["ScheduledJobFailing"], "a file lies where the folder of backups belongs, and is removed"),
    fault(Kind::FilesNotRemovable, 10, &["CleanupErrors"], "folders lie where expired files were, and are removed"),
    fault(Kind::LokiRefuses, 6, &["LogLinesLost"], "Loki answers 400 to every push, then 204"),
    fault(Kind::CollectorAway, 12, &["SpansLost"], "the collector of spans does not listen, and then is not used"),
    fault(Kind::StatsdAway, 6, &["StatsdDatagramsLost"], "the StatsD agent does not listen, and then does"),
    fault(Kind::BadClients, 6, &["HttpClientErrorsHigh", "HttpForeignRequestsRefused", "UploadsRefused"], "clients ask for what does not exist, name another host, and upload what is no table"),
    fault(Kind::ConnectionsTaken, 4, &["HttpConnectionsRefused"], "idle clients hold every connection, and leave"),
    fault(Kind::SlowClients, 6, &["HttpSlowClients"], "clients begin requests that they do not finish"),
    fault(Kind::ExporterKilled, 2, &["MonitoringTargetDown"], "the blackbox exporter is killed, and started again"),
    fault(Kind::ExporterRestarting, 15, &["MonitoringRestarting"], "the blackbox exporter is killed and started over and over"),
    fault(Kind::BadRule, 4, &["PrometheusRuleEvaluationFailing"], "a rule that cannot be evaluated is added, and removed"),
    fault(Kind::BrokenFiles, 4, &["PrometheusConfigReloadFailed", "AlertmanagerConfigReloadFailed", "PrometheusTargetFilesUnreadable"], "the configurations and a file of targets are broken, and mended"),
    fault(Kind::SecondAlertmanagerAway, 12, &["PrometheusNotificationsFailing"], "a second Alertmanager is named that does not listen, and removed"),
    fault(Kind::ReceiverRefuses, 8, &["AlertmanagerNotificationsFailing"], "a second webhook answers 400 to every notification, then 200"),
];

/// Whether an alert fires by design as long as Prometheus runs.
pub fn never_resolves(alert: &str) -> bool {
    alert == "Watchdog"
}

/// How long an alert may have to wait for the clock, whose time no rule can divide: the canary fires in the first half of every ten
/// minutes.
pub fn waits_for_the_clock(alert: &str) -> Duration {
    if alert == "AlertDeliveryCanary" { Duration::from_secs(300) } else { Duration::ZERO }
}

/// What a fault works on.
pub struct Scene<'a> {
    stack: &'a Stack,
    services: &'a mut Services,
    fired: &'a CancellationToken,
}

impl<'a> Scene<'a> {
    /// A fault is injected into these, until `fired` is cancelled.
    pub fn new(stack: &'a Stack, services: &'a mut Services, fired: &'a CancellationToken) -> Self {
        Self { stack, services, fired }
    }

    /// Waits until the alerts were delivered.
    async fn until_fired(&self) {
        self.fired.cancelled().await;
    }

    /// Pauses for this long, but no longer than until the alerts were delivered; whether they were.
    async fn pause(&self, length: Duration) -> bool {
        self.fired.run_until_cancelled(tokio::time::sleep(length)).await.is_none()
    }
}

impl Fault {
    /// The settings with which the backend is started, beside those of every drill.
    pub fn settings(&self, receiver: &Receiver) -> anyhow::Result<Vec<(&'static str, String)>> {
        let settings: Vec<(&'static str, String)> = match self.kind {
            Kind::AiFailing | Kind::AiRefusing | Kind::AiSlow => calls::ai_settings(receiver),
            Kind::PrometheusUnreachable => calls::unreachable_prometheus()?,
            Kind::RunsCrash => work::fake_runs(&[]),
            Kind::RunsTimeOut => work::fake_runs(&[("TRAINING__TIMEOUT", "1s")]),
            Kind::NoWorker => work::no_worker(),
            Kind::BackupFails => work::frequent_backups(),
            Kind::FilesNotRemovable => work::frequent_cleanup(),
            Kind::LokiRefuses => telemetry::loki(receiver),
            Kind::CollectorAway => telemetry::collector()?,
            Kind::StatsdAway => telemetry::statsd()?,
            Kind::ConnectionsTaken => clients::few_connections(),
            Kind::SlowClients => clients::impatient(),
            _ => Vec::new(),
        };
        Ok(settings)
    }

    /// Further webhooks behind every receiver of Alertmanager.
    pub fn webhooks(&self, receiver: &Receiver) -> Vec<Value> {
        match self.kind {
            Kind::ReceiverRefuses => vec![json!({ "url": receiver.url("/fails"), "send_resolved": true })],
            _ => Vec::new(),
        }
    }

    /// Injects the fault, keeps it up until the alerts were delivered, and mends it.
    pub async fn inject(&self, scene: &mut Scene<'_>) -> anyhow::Result<()> {
        match self.kind {
            Kind::Killed => service::killed(scene).await,
            Kind::DatabaseMoved => service::database_moved(scene).await,
            Kind::WrongToken => service::wrong_token(scene).await,
            Kind::Restarting => service::restarting(scene).await,
            Kind::AiFailing => calls::answering(scene, &[StatusCode::SERVICE_UNAVAILABLE], Duration::ZERO).await,
            Kind::AiRefusing => {
                calls::answering(scene, &[StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS], Duration::ZERO)
                    .await
            }
            Kind::AiSlow => calls::answering(scene, &[StatusCode::OK], Duration::from_millis(1_300)).await,
            Kind::PrometheusUnreachable => calls::viewer_queries(scene).await,
            Kind::DatasetsNotWritable => work::datasets_not_writable(scene).await,
            Kind::ModelsDamaged => work::models_damaged(scene).await,
            Kind::RunsCrash => work::runs(scene, "panic").await,
            Kind::RunsTimeOut => work::runs(scene, "slow").await,
            Kind::NoWorker => work::queue(scene).await,
            Kind::BackupFails => work::backup_fails(scene).await,
            Kind::FilesNotRemovable => work::files_not_removable(scene).await,
            Kind::LokiRefuses => telemetry::loki_refuses(scene).await,
            Kind::CollectorAway => telemetry::spans_without_collector(scene).await,
            Kind::StatsdAway => telemetry::statsd_away(scene).await,
            Kind::BadClients => clients::bad(scene).await,
            Kind::ConnectionsTaken => clients::idle(scene).await,
            Kind::SlowClients => clients::slow(scene).await,
            Kind::ExporterKilled => monitoring::exporter_killed(scene).await,
            Kind::ExporterRestarting => monitoring::exporter_restarting(scene).await,
            Kind::BadRule => monitoring::bad_rule(scene).await,
            Kind::BrokenFiles => monitoring::broken_files(scene).await,
            Kind::SecondAlertmanagerAway => monitoring::second_alertmanager(scene).await,
            Kind::ReceiverRefuses => monitoring::receiver_refuses(scene).await,
        }
    }
}
