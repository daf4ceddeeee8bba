//! A real Alertmanager, where the machine has one.

use std::process::{Child, Command, Stdio};

use belfry_test_support::eventually;
use belfry_test_support::ports::free_port;
use serde_json::Value;

use crate::api::support::server::PATIENCE;
use crate::api::support::skipping::skipped;

/// Its program's names: the project's own, and Debian's.
const PROGRAMS: [&str; 2] = ["alertmanager", "prometheus-alertmanager"];

/// A real Alertmanager; its process ends with the value.
pub struct Alertmanager {
    /// Where it is asked.
    pub url: String,
    client: reqwest::Client,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    /// Starts one that notifies nobody, and waits until it is ready. `None`, and the test is reported as skipped, if the machine
    /// has none.
    pub async fn start() -> Option<Self> {
        Self::start_with("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").await
    }

    /// The same, but it notifies `webhook` of every change within a second, with this token.
    pub async fn start_notifying(webhook: &str, token: &str) -> Option<Self> {
        let config = format!(
            "route: {{receiver: backend, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers:\n- name: backend\n  webhook_configs:\n  - url: '{webhook}'\n    send_resolved: true\n    \
             http_config: {{authorization: {{type: Bearer, credentials: '{token}'}}}}\n"
        );
        Self::start_with(&config).await
    }

    async fn start_with(config: &str) -> Option<Self> {
        let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
        let Some(program) = PROGRAMS.into_iter().find(|program| is_there(program)) else {
            skipped("there is no alertmanager on this machine");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alertmanager.yml");
        std::fs::write(&file, config).unwrap();
        let url = format!("http://127.0.0.1:{}", free_port());
        let process = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={}", url.trim_start_matches("http://")))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = belfry_telemetry::tls::http_client().no_proxy().build().unwrap();
        let started = Self { url, client, process, _folder: folder };
        eventually("alertmanager is ready", PATIENCE, async || {
            let ready = started.client.get(format!("{}/-/ready", started.url)).send().await;
            ready.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        Some(started)
    }

    /// Tells it of alerts, as Prometheus does.
    pub async fn tell(&self, alerts: &Value) {
        let answer = self.client.post(format!("{}/api/v2/alerts", self.url)).json(alerts).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
