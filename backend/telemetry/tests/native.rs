//! Native histograms, with the one program whose word counts: a real Prometheus scrapes the minimal example and is asked.
//!
//! Needs `prometheus` on the path, the cargo feature, and the example built with it; `./run.sh test` sees to all three.

#![allow(clippy::unwrap_used)]

mod service;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use service::{PATIENCE, Service};

const ON: [(&str, &str); 1] = [("PROMETHEUS__NATIVE_HISTOGRAMS", "true")];
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn ask_for(service: &Service, accept: &str) -> String {
    service.send(&format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"))
}

#[test]
fn protobuf_is_for_who_asks_and_everyone_else_gets_classic_buckets() {
    let service = Service::start(&ON);
    service.ask("GET", "/greet/en");
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/greet/{language}"} 1"#);
    let protobuf = ask_for(&service, PROTOBUF);
    assert!(protobuf.contains("application/vnd.google.protobuf") && !protobuf.contains("# TYPE"));
    let text = ask_for(&service, "text/plain");
    assert!(text.contains("text/plain") && text.contains("http_request_duration_seconds_bucket{"));
}

#[test]
fn switched_off_even_who_asks_gets_text() {
    let service = Service::start(&[]);
    assert!(ask_for(&service, PROTOBUF).contains("# TYPE log_events_total counter"));
}

struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(service: &Service) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
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
            // Version 2 knows them behind this flag; version 3.8 and later by `scrape_native_histograms` in the configuration.
            .arg("--enable-feature=native-histograms")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus must be installed");
        Self { child, url: format!("http://{address}"), _folder: folder }
    }

    /// The first value of a query, once there is one.
    async fn await_value(&self, query: &str) -> f64 {
        let started = Instant::now();
        loop {
            let url = url::Url::parse_with_params(&format!("{}/api/v1/query", self.url), [("query", query)]).unwrap();
            if let Ok(answer) = reqwest::get(url).await {
                let answer: serde_json::Value = answer.json().await.unwrap();
                let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok());
                if let Some(value) = value.filter(|value: &f64| !value.is_nan()) {
                    return value;
                }
            }
            assert!(started.elapsed() < PATIENCE, "no value of {query}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_real_prometheus_takes_native_histograms_and_computes_with_them() {
    let service = Service::start(&ON);
    for _ in 0..20 {
        service.ask("GET", "/greet/en");
    }
    let prometheus = Prometheus::scraping(&service);
    // Of a native histogram only: a classic one has no series of this name.
    let greeted = r#"http_request_duration_seconds{endpoint="/greet/{language}"}"#;
    assert_eq!(prometheus.await_value(&format!("histogram_count({greeted})")).await, 20.0);
    let p90 = prometheus.await_value(&format!("histogram_quantile(0.9, {greeted})")).await;
    assert!(p90 > 0.0 && p90 < 10.0, "{p90}");
    // And the rest of the page with them.
    assert_eq!(prometheus.await_value(r#"greeter_greetings_total{language="en"}"#).await, 20.0);
}
