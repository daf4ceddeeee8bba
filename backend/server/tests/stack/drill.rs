//! `belfry drill` as its user runs it: alerts of different kinds, by real faults and replayed, through the real Prometheus and
//! Alertmanager; and what is left of it when it ends, is interrupted or is killed.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use belfry_test_support::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::project_root;

/// Of each kind of fault some, and of those that are replayed. Watchdog is the one that never resolves.
const DRILLED: [(&str, &str); 16] = [
    ("ServiceUnreachable", "real fault"),
    ("ServiceNotReady", "real fault"),
    ("ServiceMetricsMissing", "real fault"),
    ("HealthCheckFailing", "real fault"),
    ("UploadsFailing", "real fault"),
    ("TrainingQueueStuck", "real fault"),
    ("ScheduledJobFailing", "real fault"),
    ("MonitoringTargetDown", "real fault"),
    ("PrometheusRuleEvaluationFailing", "real fault"),
    ("AlertmanagerConfigReloadFailed", "real fault"),
    ("HttpConnectionsRefused", "real fault"),
    ("HttpLatencyHigh", "replayed"),
    ("DiskSpaceCritical", "replayed"),
    ("DatabasePoolExhausted", "replayed"),
    ("SchedulerStopped", "replayed"),
    ("Watchdog", "replayed"),
];

/// A drill whose stacks are in a folder of the test's own.
fn drill(stacks: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("drill").args(arguments).current_dir(project_root());
    command.env("TMPDIR", stacks.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn stacks() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn json_of(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The processes that run in a folder below this one.
fn processes_in(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    let running = processes.filter(|process| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|working| working.starts_with(folder))
    });
    running.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Waits until the drill has a stack whose Prometheus keeps data.
async fn await_stack(stacks: &TempDir) {
    eventually("a stack runs", Duration::from_secs(60), async || {
        let mut stacks = std::fs::read_dir(stacks.path()).ok()?.filter_map(Result::ok);
        stacks.any(|stack| stack.path().join("prometheus/wal").exists()).then_some(())
    })
    .await;
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the drill runs");
}

#[test]
#[ignore = "starts the native stack: ./run.sh test"]
fn alerts_of_every_kind_fire_are_delivered_and_resolve() {
    let (stacks, other_stacks, rules) = (stacks(), stacks(), unreachable_threshold());
    // Beside each other, as somebody else's drill may run on the machine.
    let folder = rules.path().join("prometheus").display().to_string();
    let failing =
        drill(&other_stacks, &["DiskSpaceCritical", "--json", "--rules", &folder]).spawn().expect("it starts");
    let names = DRILLED.map(|(name, _)| name);
    let output = drill(&stacks, &[&names[..], &["--json", "--jobs", "4"]].concat()).output().expect("it starts");
    let rows = json_of(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows.len(), DRILLED.len());
    for (name, driven) in DRILLED {
        let row = rows.iter().find(|row| row["alert"] == name).unwrap_or_else(|| panic!("no row for {name}"));
        let timeline = &row["timeline"];
        let at = |state: &str| timeline[state].as_f64();
        assert_eq!((&row["driven"], &timeline["failure"]), (&json!(driven), &Value::Null), "{row}");
        let always = name == "Watchdog";
        assert_eq!(timeline["inactive"], !always, "{row}");
        let receiver = if always { "watchdog".into() } else { row["severity"].clone() };
        assert_eq!(timeline["receiver"], receiver, "{row}");
        assert!(at("firing") <= at("delivered") && at("firing").is_some(), "{row}");
        assert!(always || (at("pending") < at("firing") && at("pending").is_some()), "{row}");
        assert!(always || at("delivered") < at("resolved"), "{row}");
    }
    assert!(is_empty(stacks.path()), "the drill has left its folders");
    assert_eq!(processes_in(stacks.path()), [""; 0]);

    let output = failing.wait_with_output().expect("it ends");
    let row = &json_of(&output)[0];
    assert_eq!(output.status.code(), Some(1), "{row}");
    assert_eq!((&row["timeline"]["inactive"], &row["timeline"]["firing"]), (&json!(true), &Value::Null), "{row}");
    assert!(row["timeline"]["failure"].as_str().is_some_and(|why| why.contains("never held")), "{row}");
}

/// The shipped configuration, but for an alert that can never fire.
fn unreachable_threshold() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for part in ["prometheus/rules", "prometheus/tests", "alertmanager"] {
        let (from, to) = (project_root().join("infra/monitoring").join(part), folder.path().join(part));
        std::fs::create_dir_all(&to).expect("a new folder");
        for entry in std::fs::read_dir(from).expect("a folder of the project") {
            let path = entry.expect("a file").path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
    }
    let file = folder.path().join("prometheus/rules/host.yml");
    let text = std::fs::read_to_string(&file).expect("the rules of the host");
    let (before, alert) = text.split_once("alert: DiskSpaceCritical").expect("the alert");
    let broken = alert.replacen("expr: |\n", "expr: |\n          vector(1) < 0 and on ()\n", 1);
    assert_ne!(broken, alert, "the expression is written in another way");
    std::fs::write(&file, format!("{before}alert: DiskSpaceCritical{broken}")).expect("a changed copy");
    folder
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn a_drill_that_is_interrupted_leaves_nothing() {
    let stacks = stacks();
    let child = drill(&stacks, &["HostCpuBusy", "ServiceNotReady"]).spawn().expect("it starts");
    await_stack(&stacks).await;
    assert!(processes_in(stacks.path()).len() >= 2, "Prometheus and Alertmanager at least");
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("interrupted"), "{said}");
    assert!(is_empty(stacks.path()), "the drill has left its folders");
    assert_eq!(processes_in(stacks.path()), [""; 0]);
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn a_drill_that_is_killed_leaves_no_process() {
    let stacks = stacks();
    let mut child = drill(&stacks, &["HostCpuBusy"]).spawn().expect("it starts");
    await_stack(&stacks).await;
    assert!(processes_in(stacks.path()).len() >= 2, "Prometheus and Alertmanager at least");
    signal(&child, Signal::KILL);
    child.wait().expect("it ends");
    eventually("its programs end", Duration::from_secs(20), async || {
        processes_in(stacks.path()).is_empty().then_some(())
    })
    .await;
}

#[test]
fn the_list_says_of_every_alert_how_it_is_driven() {
    let stacks = stacks();
    let output = drill(&stacks, &["--json"]).output().expect("it starts");
    let rows = json_of(&output);
    assert!(output.status.success() && rows.len() >= 60, "{} rows", rows.len());
    let undriven: Vec<&Value> = rows.iter().filter(|row| row["driven"] == "not driven").collect();
    assert!(undriven.is_empty(), "nothing drives {undriven:?}");
    let real = rows.iter().filter(|row| row["driven"] == "real fault").count();
    assert!(real >= 30, "{real} by real faults");
    assert!(is_empty(stacks.path()), "a list starts nothing");
}

#[test]
fn what_cannot_be_drilled_is_said_before_anything_starts() {
    let stacks = stacks();
    for (arguments, path, expected) in [
        (&["NoSuchAlert"][..], "/usr/bin", "found no alert `NoSuchAlert`"),
        (&["Watchdog", "--rules", "docs"], "/usr/bin", "cannot read docs/rules"),
        (&["Watchdog"], "/nonexistent", "on Debian, apt install prometheus"),
        (&["Watchdog", "--all"], "/usr/bin", "cannot be used with"),
        (&["Watchdog", "--jobs", "0"], "/usr/bin", "1..=64"),
    ] {
        let output = drill(&stacks, arguments).env("PATH", path).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(is_empty(stacks.path()), "something was started");
}
