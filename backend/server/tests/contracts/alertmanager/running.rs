//! A real Alertmanager with the rendered configuration, and local servers in the place of all services.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::StatusCode;
use belfry_test_support::ports::free_port;
use belfry_test_support::recorder::{Recorded, Recorder};
use belfry_test_support::smtp::{Mail, MailServer};
use belfry_test_support::{PATIENCE, eventually};
use serde_json::{Value, json};

use super::{PASSWORD, Rendered, program};

/// The bot's token, which is part of the path of each call.
pub(super) const BOT: &str = "123456:ABC-def_7";

/// All services on one listener, by the beginning of the path.
#[derive(Clone)]
pub(super) struct Services {
    http: Recorder,
    mail: MailServer,
}

/// As each service documents its answer to what it takes.
fn answer(path: &str) -> (StatusCode, &'static str, &'static str) {
    const JSON: &str = "application/json";
    match path.split('/').nth(1).unwrap_or_default() {
        "slack" => (StatusCode::OK, "text/plain", "ok"),
        "pagerduty" => (
            StatusCode::ACCEPTED,
            JSON,
            r#"{"status": "success", "message": "Event processed", "dedup_key": "samplekeyhere"}"#,
        ),
        "opsgenie" => (
            StatusCode::ACCEPTED,
            JSON,
            r#"{"result": "Request will be processed", "took": 0.302, "requestId": "43a29c5c-3dbf-4fa4-9c26-f4f71023e120"}"#,
        ),
        "telegram" => (
            StatusCode::OK,
            JSON,
            r#"{"ok": true, "result": {"message_id": 1, "date": 0, "chat": {"id": -1001234567890, "type": "supergroup"}}}"#,
        ),
        "watchdog" => (StatusCode::OK, "text/plain", "OK"),
        _ => (StatusCode::NO_CONTENT, "text/plain", ""),
    }
}

impl Services {
    /// The requests to one of them.
    pub(super) fn of(&self, service: &str) -> Vec<Recorded> {
        self.http.below(&format!("/{service}"))
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mail.mails()
    }

    /// What each has received so far, once all have received at least so many.
    pub(super) async fn after(&self, notifications: usize) -> BTreeMap<&'static str, Vec<Recorded>> {
        const HTTP: [&str; 6] = ["backend", "telegram", "slack", "pagerduty", "opsgenie", "webhook"];
        eventually(&format!("{notifications} notifications for each service"), PATIENCE, async || {
            let counts = HTTP.map(|service| (service, self.of(service).len()));
            let mails = self.mails().len();
            let all = counts.iter().all(|(_, count)| *count >= notifications) && mails >= notifications;
            if all { Ok(()) } else { Err(format!("{counts:?}, {mails} mails")) }
        })
        .await;
        HTTP.into_iter().map(|service| (service, self.of(service))).collect()
    }
}

pub(super) struct Alertmanager {
    pub(super) services: Services,
    url: String,
    process: Child,
    _rendered: Rendered,
}

impl Alertmanager {
    /// Starts one that notifies all services, with its own `pause` before each notification in the place of those configured;
    /// none on a machine without the program. `backend` is the webhook of one that is away.
    pub(super) async fn start(backend: Option<&str>, pause: &str) -> Option<Self> {
        let name = program(&["alertmanager", "prometheus-alertmanager"])?;
        let (http, url) = Recorder::start(answer).await;
        let (mail, smarthost) = MailServer::start().await;
        let port = free_port();
        let variables = [
            ("ALERTMANAGER_BACKEND_URL", backend.map_or(format!("{url}/backend"), str::to_owned)),
            ("ALERTMANAGER_DASHBOARDS_URL", "http://belfry.test:8000".to_owned()),
            ("ALERTMANAGER_TELEGRAM_BOT_TOKEN", BOT.to_owned()),
            ("ALERTMANAGER_TELEGRAM_CHAT_ID", "-1001234567890".to_owned()),
            ("ALERTMANAGER_TELEGRAM_API_URL", format!("{url}/telegram")),
            ("ALERTMANAGER_SLACK_API_URL", format!("{url}/slack/T/B/secret")),
            ("ALERTMANAGER_SLACK_CHANNEL", "#ops".to_owned()),
            ("ALERTMANAGER_EMAIL_TO", "Jürgen <j@example.test>, on-call@example.test".to_owned()),
            ("ALERTMANAGER_EMAIL_FROM", "\"Belfry: alerts\" <belfry@example.test>".to_owned()),
            ("ALERTMANAGER_EMAIL_SMARTHOST", smarthost),
            ("ALERTMANAGER_EMAIL_REQUIRE_TLS", "false".to_owned()),
            ("ALERTMANAGER_EMAIL_USERNAME", "us'er".to_owned()),
            ("ALERTMANAGER_EMAIL_PASSWORD", PASSWORD.to_owned()),
            ("ALERTMANAGER_PAGERDUTY_ROUTING_KEY", "routing-key".to_owned()),
            ("ALERTMANAGER_PAGERDUTY_URL", format!("{url}/pagerduty/v2/enqueue")),
            ("ALERTMANAGER_OPSGENIE_API_KEY", "api-key".to_owned()),
            ("ALERTMANAGER_OPSGENIE_API_URL", format!("{url}/opsgenie/jsm/ops/integration")),
            ("ALERTMANAGER_WEBHOOK_URL", format!("{url}/webhook?from=belfry")),
            ("ALERTMANAGER_WEBHOOK_TOKEN", "webhook-token".to_owned()),
            ("ALERTMANAGER_WATCHDOG_URL", format!("{url}/watchdog/ping")),
        ];
        let rendered = Rendered::valid("inline", variables.iter().map(|(name, value)| (*name, value.as_str())));
        let pauses = regex::Regex::new(r"(group_wait|group_interval): \w+").unwrap();
        let text = rendered.text();
        let text = pauses.replace_all(&text, format!("$1: {pause}"));
        std::fs::write(rendered.path("alertmanager.yml"), text.as_ref()).unwrap();
        let process = Command::new(name)
            .arg(format!("--config.file={}", rendered.path("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", rendered.path("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let started = Self { services: Services { http, mail }, url, process, _rendered: rendered };
        let ready = format!("{}/-/ready", started.url);
        eventually("Alertmanager is ready", PATIENCE, async || {
            client().get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        Some(started)
    }

    /// Sends alerts as Prometheus does: firing, or resolved just now.
    pub(super) async fn send(&self, alerts: &[Value], is_resolved: bool) {
        let now = jiff::Timestamp::now();
        // Alertmanager tells at once of an alert that began long ago, without waiting for others of its group. So that it
        // waits however slow this machine is, they begin a little later.
        let (starts, ends) = match is_resolved {
            false => (now + Duration::from_secs(5), now + Duration::from_secs(300)),
            true => (now - Duration::from_secs(1), now),
        };
        let mut alerts = alerts.to_vec();
        for alert in &mut alerts {
            alert["startsAt"] = json!(starts.to_string());
            alert["endsAt"] = json!(ends.to_string());
        }
        let answer = client().post(format!("{}/api/v2/alerts", self.url)).json(&alerts).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client() -> reqwest::Client {
    belfry_telemetry::tls::http_client().build().unwrap()
}
