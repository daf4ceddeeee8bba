//! The distribution as its user meets it: `./run.sh` in native mode, with the real Prometheus, Alertmanager and
//! exporters, spoken to over HTTP alone. `./run.sh test` runs these; plain `cargo test` does not, because they
//! need those programs on the machine.

mod alerts;
mod clean_boot;
mod dashboards;
mod drill;
mod panels;
mod running;
mod services;

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use belfry_test_support::{eventually, eventually_blocking};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use running::{PARTS, Stack, project_root};

const NOW: Duration = Duration::ZERO;

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn a_dataset_becomes_predictions_and_the_backend_is_scraped() {
    let stack = Stack::prepared();
    let said = stack.start();
    for page in ["/dashboards", "/targets"] {
        assert!(said.contains(&stack.url("backend", page)), "no address of {page} in {said}");
        assert_eq!(stack.get("backend", page).await.0, StatusCode::OK, "{page}");
    }

    assert!(said.contains("Alertmanager sends to: backend\n"), "{said}");
    // As docs/operations.md has it. On its way while the rest is tested.
    let added = Command::new(stack.tool("amtool"))
        .arg(format!("--alertmanager.url={}", stack.url("alertmanager", "")))
        .args(["alert", "add", "alertname=Test", "job=test", "severity=critical"])
        .status();
    assert!(added.expect("amtool starts").success());

    let (status, dataset) = stack.upload("penguins.csv").await;
    assert_eq!(status, StatusCode::CREATED, "{dataset}");
    let wanted = json!({ "dataset_id": dataset["id"], "target": "species" });
    let (status, run) = stack.post("/api/v1/runs", &wanted).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let path = format!("/api/v1/runs/{}", run["id"].as_str().expect("a run has an id"));
    let ended = eventually("the run ends", Duration::from_secs(60), async || {
        let (_, run) = stack.get("backend", &path).await;
        ["completed", "failed", "cancelled"].iter().any(|end| run["status"] == *end).then_some(run)
    })
    .await;
    assert_eq!(ended["status"], "completed", "{ended}");

    let row = json!({ "island": "Torgersen", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181,
        "body_mass_g": 3750, "sex": "male", "year": 2007 });
    let (status, predicted) = stack.post(&format!("{path}/predict"), &json!({ "rows": [row] })).await;
    assert_eq!((status, &predicted["predictions"]), (StatusCode::OK, &json!(["Adelie"])), "{predicted}");

    let target = eventually("Prometheus scrapes the backend", Duration::from_secs(40), async || {
        let (_, answer) = stack.get("prometheus", "/api/v1/targets?state=active").await;
        let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().find(|target| target["labels"]["job"] == "backend" && target["health"] == "up")
    })
    .await;
    assert_eq!(target["scrapeInterval"], "5s", "{target}");

    eventually("the backend keeps the alert", Duration::from_secs(60), async || {
        let (_, alerts) = stack.get("backend", "/api/v1/alerts").await;
        alerts["items"].as_array().is_some_and(|alerts| alerts.iter().any(|alert| alert["name"] == "Test"))
    })
    .await;

    // The pages have their sources, and the first dashboard its data.
    let waited = stack.run(&["status", "--wait", "90"]);
    assert!(waited.succeeded, "{}", waited.text);
    assert!(waited.text.contains("the overview has rates"), "{}", waited.text);
    let (_, told) = stack.get("backend", "/api/v1/viewer").await;
    let configured = ["prometheus", "alertmanager", "loki"].map(|source| told["sources"][source]["configured"].clone());
    assert_eq!(configured, [true, true, false].map(Value::from), "{told}");
    assert_eq!(told["prometheus_url"], format!("http://localhost:{}", stack.port("prometheus")), "{told}");
    for path in ["alertmanager/silences", "alertmanager/alerts", "prometheus/rules", "prometheus/targets"] {
        let (status, answer) = stack.get("backend", &format!("/api/v1/query/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }
}

/// What `status --wait` waits for cannot come: it says what, and ends in time.
#[tokio::test]
async fn a_wait_for_a_stack_that_is_not_there_ends() {
    let stack = Stack::prepared();
    let waited = stack.run(&["status", "--wait", "1"]);
    assert!(!waited.succeeded && waited.text.contains("not within 1 s: every part is up"), "{}", waited.text);
    let refused = stack.run(&["status", "--wait", "soon"]);
    assert!(!refused.succeeded && refused.text.contains("takes seconds"), "{}", refused.text);
}

/// Without pages nobody can be asked for the data of a dashboard.
#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn a_wait_ends_where_the_pages_are_switched_off() {
    let mut stack = Stack::prepared();
    stack.set("VIEWER__ENABLED", "Off");
    let said = stack.start();
    assert!(!said.contains(&stack.url("backend", "/dashboards")), "{said}");
    let waited = stack.run(&["status", "--wait", "60"]);
    assert!(waited.succeeded && waited.text.contains("switched off (VIEWER__ENABLED)"), "{}", waited.text);
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn monitoring_off_and_on_keeps_the_service_and_its_history() {
    const STARTED: &str = "app_start_time_seconds{job=\"backend\"}";
    // The samples themselves: steps of a range query can pass over the only one before a gap.
    const HISTORY: &str = "app_start_time_seconds{job=\"backend\"}[10m]";
    let mut stack = Stack::up();
    let (_, dataset) = stack.upload("iris.csv").await;
    let first_start =
        eventually("the first scrape", Duration::from_secs(40), async || newest(&stack, STARTED).await).await;

    stack.set("PROMETHEUS__ENABLED", "false");
    let said = stack.start();
    assert!(said.contains("backend runs with other settings"), "{said}");
    assert!(!said.contains("prometheus runs with other settings"), "{said}");
    let (status, _) = stack.get("backend", "/metrics").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // What keeps the alert ServiceMetricsMissing silent.
    let probe = format!("/probe?module=http_2xx&target={}", stack.url("backend", "/metrics"));
    let probed = stack.page("blackbox-exporter", &probe).await;
    assert!(probed.contains("\nprobe_http_status_code 404\n"), "{probed}");
    let (status, answer) = stack.upload("wine.csv").await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let all_up = stack.run(&["status"]);
    assert!(all_up.succeeded, "{}", all_up.text);
    let history = stack.query(HISTORY, NOW).await.expect("a query");
    assert!(holds(&history, &first_start), "{history:?}");

    stack.set("PROMETHEUS__ENABLED", "true");
    stack.start();
    let dataset = format!("/api/v1/datasets/{}", dataset["id"].as_str().expect("a dataset has an id"));
    assert_eq!(stack.get("backend", &dataset).await.0, StatusCode::OK);
    eventually("the backend is scraped again", Duration::from_secs(40), async || {
        newest(&stack, STARTED).await.filter(|start| *start != first_start)
    })
    .await;
    let history = stack.query(HISTORY, NOW).await.expect("a query");
    assert!(holds(&history, &first_start), "{history:?}");
}

/// A start that has recorded nothing yet would go on after a `down` that found nothing to stop.
#[test]
fn down_does_not_overlook_a_start_that_goes_on() {
    let stack = Stack::prepared();
    let lock = stack.state().join("lock");
    let held = std::fs::File::create(&lock).expect("a file in the state folder");
    held.lock().expect("nobody else has the lock");
    let answer = stack.run(&["down"]);
    assert!(!answer.succeeded && answer.text.contains("another ./run.sh is at work"), "{}", answer.text);
    drop(held);
    // A program that another test starts at this moment has the file open until it runs.
    eventually_blocking("the lock is free", Duration::from_secs(10), || {
        let answer = stack.run(&["down"]);
        if answer.succeeded && answer.text.contains("Nothing of Belfry runs") { Ok(()) } else { Err(answer.text) }
    });
}

/// A start that is cut off leaves no program that `down` does not know.
#[test]
fn a_part_is_recorded_before_its_program_runs() {
    let state = tempfile::tempdir().expect("a temporary folder");
    for folder in ["pids", "logs"] {
        std::fs::create_dir(state.path().join(folder)).expect("a new folder");
    }
    // The program prints its record and its own process id.
    let script = r#"
        set -Eeuo pipefail
        source scripts/environment.sh
        source scripts/processes.sh
        project_root=$PWD state=$1
        take_lock
        start_part probe print 5 sh -c 'cat "$0"; echo "$$"; exec sleep 300' "$state/pids/probe"
        running_pid probe
        until [[ $(wc -l <"$state/logs/probe.log") == 2 ]]; do sleep 0.01; done
        stop_part probe 5
        if was_started probe; then exit 1; fi
        cat "$state/logs/probe.log""#;
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(state.path())
        .current_dir(project_root())
        .stdin(Stdio::null())
        .output()
        .expect("bash starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let [running, record, own] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let record: Vec<&str> = record.split(' ').collect();
    assert_eq!((record[1], record[3], own), (running, "print", running), "{text}");
}

#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn a_second_start_changes_nothing() {
    let stack = Stack::up();
    let before = PARTS.map(|(part, _)| stack.pid(part));
    let said = stack.start();
    assert!(said.contains("Everything runs already"), "{said}");
    assert_eq!(PARTS.map(|(part, _)| stack.pid(part)), before);
}

#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn a_start_that_is_refused_stops_nothing() {
    let mut stack = Stack::up();
    let before = PARTS.map(|(part, _)| stack.pid(part));
    let backend_port = stack.port("backend").to_string();
    let prometheus_port = stack.port("prometheus").to_string();
    for (name, refused, valid, expected) in [
        ("UPLOAD__MAX_BYTES", "many", "1GiB", "UPLOAD__MAX_BYTES: found `many`"),
        ("PROMETHEUS_RETENTION_TIME", "soon", "15d", "Prometheus would not start"),
        ("ALERTMANAGER_SLACK_CHANNEL", "#ops", "", "ALERTMANAGER_SLACK_API_URL: found nothing, expected"),
        ("PROMETHEUS_PORT", &backend_port, &prometheus_port, "BACKEND_PORT"),
    ] {
        stack.set(name, refused);
        let answer = stack.run(&["native"]);
        assert!(!answer.succeeded, "{name}: {}", answer.text);
        assert!(answer.text.contains(expected), "{name}: {}", answer.text);
        assert!(answer.text.contains("nothing was started or stopped"), "{name}: {}", answer.text);
        assert_eq!(PARTS.map(|(part, _)| stack.pid(part)), before, "{name}");
        stack.set(name, valid);
    }
}

#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn a_taken_port_is_named_before_anything_starts() {
    let stack = Stack::prepared();
    let port = stack.port("prometheus");
    let _taken = TcpListener::bind(("127.0.0.1", port)).expect("the port was free");

    let answer = stack.run(&["native"]);
    assert!(!answer.succeeded);
    assert!(answer.text.contains(&format!("PROMETHEUS_PORT={port}: used by")), "{}", answer.text);
    assert!(answer.text.contains(&format!("(process {})", std::process::id())), "{}", answer.text);
    for (part, _) in PARTS {
        assert!(!stack.pid_file(part).exists(), "{part} was started");
    }
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn status_names_a_part_that_died_and_a_start_brings_it_back() {
    let stack = Stack::up();
    assert!(stack.run(&["status"]).succeeded);
    let number = stack.pid("backend");
    kill_process(pid(number), Signal::KILL).expect("the backend runs");
    eventually("the backend ends", Duration::from_secs(10), async || (!runs(number)).then_some(())).await;

    let answer = stack.run(&["status"]);
    assert!(!answer.succeeded);
    let line = answer.text.lines().find(|line| line.starts_with("backend")).expect("a line for the backend");
    assert!(line.contains("died"), "{line}");
    assert_eq!(answer.text.matches(" up").count(), PARTS.len() - 1, "{}", answer.text);

    let said = stack.start();
    assert!(said.contains("backend had died"), "{said}");
    assert!(stack.run(&["status"]).succeeded);
}

#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn down_stops_what_was_started_and_nothing_else() {
    let stack = Stack::up();
    let pids = PARTS.map(|(part, _)| stack.pid(part));
    // As if the exporter had died and the system had given its number to somebody else.
    let mut bystander = Command::new("sleep").arg("300").stdout(Stdio::null()).spawn().expect("sleep starts");
    let record = std::fs::read_to_string(stack.pid_file("node-exporter")).expect("a recorded process");
    kill_process(pid(stack.pid("node-exporter")), Signal::KILL).expect("the exporter runs");
    let recycled = record.replacen(&format!(" {} ", pids[3]), &format!(" {} ", bystander.id()), 1);
    assert_ne!(recycled, record);
    std::fs::write(stack.pid_file("node-exporter"), recycled).expect("a writable record");

    let answer = stack.run(&["down"]);
    assert!(answer.succeeded, "{}", answer.text);
    let spared = bystander.try_wait().expect("a child of ours").is_none();
    bystander.kill().and_then(|()| bystander.wait()).expect("the bystander ends when we say so");
    assert!(spared, "down killed a process it had not started");
    for ((part, _), number) in PARTS.iter().zip(pids) {
        assert!(!runs(number), "{part} still runs");
        TcpListener::bind(("127.0.0.1", stack.port(part))).expect("its port is free again");
    }

    let again = stack.run(&["down"]);
    assert!(again.succeeded && again.text.contains("Nothing of Belfry runs"), "{}", again.text);
}

/// A process that has ended but was not yet collected by its parent no longer runs.
fn runs(number: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{number}/status"));
    status.is_ok_and(|text| !text.contains("State:\tZ"))
}

fn pid(number: i32) -> Pid {
    Pid::from_raw(number).expect("a process id")
}

/// The value that a query of one series has now.
async fn newest(stack: &Stack, expression: &str) -> Option<String> {
    let series = stack.query(expression, NOW).await.ok()?;
    Some(series.first()?["value"][1].as_str()?.to_owned())
}

fn samples(series: &Value) -> impl Iterator<Item = &str> {
    let many = series["values"].as_array().into_iter().flatten();
    many.chain(series.get("value")).filter_map(|sample| sample[1].as_str())
}

fn has_a_number(series: &Value) -> bool {
    samples(series).any(|value| value != "NaN")
}

fn holds(series: &[Value], wanted: &str) -> bool {
    series.iter().any(|series| samples(series).any(|value| value == wanted))
}
