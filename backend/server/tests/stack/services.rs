//! A service of somebody else's beside the backend: its target file is all it takes to be scraped and shown, with its logs,
//! and a second one has it probed.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use belfry_test_support::{eventually, loki::Receiver, ports::free_port};
use serde_json::Value;

use super::dashboards::{self, Query};
use super::running::Stack;

const JOB: &str = "greeter";

struct Greeter {
    child: Child,
    address: String,
}

impl Greeter {
    fn start(loki: &str) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let path = example();
        let mut command = Command::new(&path);
        command.env("ADDRESS", &address).env("LOKI__ENABLED", "true").env("LOKI__URL", loki);
        let child = command.stderr(Stdio::null()).spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("{}: {error}; cargo test builds it", path.display())),
            address,
        }
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("the greeter ends when we say so");
    }
}

/// `backend/telemetry/examples/minimal.rs`, as cargo builds it with the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let target = test.parent().and_then(|deps| deps.parent()).expect("a target folder");
    target.join("examples/minimal")
}

/// What a service without Belfry's own domain has on the dashboards: every query that names standard metrics alone and that
/// its traffic fills.
fn applies(query: &Query) -> bool {
    let others = [
        "belfry_",
        "db_",
        "scheduler_",
        "health_check_",
        "external_api_",
        "node_",
        "probe_",
        "prometheus_",
        "alertmanager_",
        "loki_",
        "grafana_",
        "=~\".*/(datasets|content|model)\"",
        "errors_total",
        "http_connections_",
        "http_requests_refused_total",
        "ALERTS",
        "alert",
    ];
    !others.iter().any(|other| query.expression.contains(other))
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn a_target_file_is_all_another_service_needs() {
    let stack = Stack::up();
    let (loki, loki_url) = Receiver::start().await;
    let greeter = Greeter::start(&loki_url);
    let target = format!("- targets: ['{}']\n  labels: {{job: {JOB}}}\n", greeter.address);
    fs::write(stack.state().join("prometheus/targets/greeter.yml"), target).expect("a writable targets folder");
    let probe = format!(
        "- targets: ['http://{}/livez']\n  labels: {{service: {JOB}, probe: livez, __exporter: '127.0.0.1:{}'}}\n",
        greeter.address,
        stack.port("blackbox-exporter")
    );
    fs::write(stack.state().join("prometheus/targets/probes/greeter.yml"), probe).expect("a writable probes folder");

    let client = belfry_telemetry::tls::http_client().build().expect("an HTTP client");
    let base = format!("http://{}", greeter.address);
    let asking = tokio::spawn(async move {
        loop {
            // The greeter may be gone at the end of the test.
            let _ = client.get(format!("{base}/greet/en")).send().await;
            let _ = client.get(format!("{base}/nowhere")).send().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    eventually("the greeter is scraped", Duration::from_secs(60), async || {
        let up = stack.query(&format!("up{{job=\"{JOB}\"}} == 1"), Duration::ZERO).await.ok()?;
        (!up.is_empty()).then_some(())
    })
    .await;

    let queries: Vec<Query> = dashboards::queries_of(JOB).into_iter().filter(applies).collect();
    assert!(queries.len() > 25, "only {} queries apply", queries.len());
    let allowed = dashboards::AllowedEmpty::read();
    let mut empty: Vec<Query> = queries.into_iter().filter(|query| !allowed.holds(&query.place)).collect();
    // Rates need a second scrape, and what rules record over days is recorded each minute; what is filled once is done.
    eventually(&format!("every query has data for job={JOB}"), Duration::from_secs(180), async || {
        let mut still = Vec::new();
        for query in std::mem::take(&mut empty) {
            let found = stack.query(&query.expression, Duration::ZERO).await;
            if !found.is_ok_and(|series| series.iter().any(super::has_a_number)) {
                still.push(query);
            }
        }
        empty = still;
        let left: Vec<String> = empty.iter().map(|query| format!("{}: {}", query.place, query.expression)).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    })
    .await;

    for rule in ["job:http_requests:rate5m", "job:http_requests_failed:ratio_rate5m"] {
        eventually(rule, Duration::from_secs(60), async || {
            let series = stack.query(&format!("{rule}{{job=\"{JOB}\"}}"), Duration::ZERO).await.ok()?;
            series.iter().any(super::has_a_number).then_some(())
        })
        .await;
    }
    eventually("the greeter is probed", Duration::from_secs(60), async || {
        let probed = format!("probe_success{{service=\"{JOB}\", probe=\"livez\"}} == 1");
        stack.query(&probed, Duration::ZERO).await.ok().filter(|series| !series.is_empty())
    })
    .await;

    // What the variable `service` of the panel Logs comes to is what the streams are labelled with.
    let all = dashboards::queries_of(JOB);
    let listed = all.iter().find(|query| query.place.variable.as_deref() == Some("service")).expect("the variable");
    let series = stack.query(&listed.expression, Duration::ZERO).await.expect("a query");
    let services: Vec<&Value> = series.iter().map(|series| &series["metric"]["service"]).collect();
    let lines = loki.lines();
    assert!(!lines.is_empty(), "the greeter sent no line");
    for (stream, _) in &lines {
        assert_eq!(services, [&stream["service"]], "the panel Logs would not show {stream}");
    }
    asking.abort();
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn promtool_accepts_the_page_of_a_running_server() {
    let stack = Stack::up();
    let demo = stack.run(&["demo", "--for", "10s"]);
    assert!(demo.succeeded, "{}", demo.text);
    let client = belfry_telemetry::tls::http_client().build().expect("an HTTP client");
    let page = client.get(stack.url("backend", "/metrics")).send().await.expect("the backend answers");
    let page = page.text().await.expect("a page of text");
    let mut promtool = Command::new(stack.tool("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    promtool.stdin.take().expect("its input is ours").write_all(page.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
