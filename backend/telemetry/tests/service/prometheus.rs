//! A real Prometheus that scrapes an example.

use std::fs;
use std::process::{Child, Command, Stdio};

use belfry_test_support::eventually;
use belfry_test_support::ports::free_port;

use super::{PATIENCE, Service};

pub struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes a service each second, with this feature.
    ///
    /// Version 2 knows native histograms behind a feature; version 3.8 and later by `scrape_native_histograms` in the
    /// configuration.
    pub fn scraping(service: &Service, feature: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let config = folder.path().join("prometheus.yml");
        let target = service.address();
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: greeter, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--enable-feature={feature}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus must be installed");
        Self { child, url: format!("http://{address}"), _folder: folder }
    }

    /// The first value of a query, once there is one.
    pub async fn await_value(&self, query: &str) -> f64 {
        self.await_answer(&format!("{query} has a value"), "query", &[("query", query)], |answer| {
            let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok());
            value.filter(|value: &f64| !value.is_nan())
        })
        .await
    }

    /// What `find` finds in an answer of the API's `path`, once there is something.
    pub async fn await_answer<T>(
        &self,
        what: &str,
        path: &str,
        parameters: &[(&str, &str)],
        find: impl Fn(&serde_json::Value) -> Option<T>,
    ) -> T {
        let client = belfry_telemetry::tls::http_client().build().unwrap();
        let url = url::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).unwrap();
        eventually(what, PATIENCE, async || {
            // It refuses connections at first, and then answers 503 until its storage is open.
            let answer = client.get(url.clone()).send().await.and_then(reqwest::Response::error_for_status);
            let answer = answer.map_err(|error| error.to_string())?;
            let answer: serde_json::Value = answer.json().await.unwrap();
            find(&answer).ok_or_else(|| answer.to_string())
        })
        .await
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
