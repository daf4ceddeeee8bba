//! Nothing is wrong with a new installation, neither idle nor in use, and no alert says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::running::Stack;
use crate::contracts::monitoring::{list, yaml};

/// Each as long as the longest time that the quickest alerts need, several times over.
const IDLE: Duration = Duration::from_secs(180);
const LOADED: &str = "180s";

/// Of all that ever fired.
const EVER: &str = r#"count without (alertstate) (max_over_time(ALERTS{alertstate="firing"}[15m]))"#;

/// What fires by design.
const BY_DESIGN: [&str; 2] = ["AlertDeliveryCanary", "Watchdog"];

/// The alerts about the machine, which may be as full and as busy as it likes while tests run on it.
fn of_the_machine() -> BTreeSet<String> {
    let rules = yaml("infra/monitoring/prometheus/rules/host.yml");
    let groups = list(&rules, "groups").iter();
    let rules = groups.flat_map(|group| list(group, "rules"));
    rules.filter_map(|rule| rule["alert"].as_str()).map(str::to_owned).collect()
}

/// What has fired so far, with its labels, but for what is by design or about the machine.
async fn fired(stack: &Stack) -> BTreeMap<String, Value> {
    let series = stack.query(EVER, Duration::ZERO).await.expect("Prometheus answers");
    let name = |series: &Value| series["metric"]["alertname"].as_str().unwrap_or_default().to_owned();
    let mut alerts: BTreeMap<String, Value> =
        series.iter().map(|series| (name(series), series["metric"].clone())).collect();
    assert!(alerts.contains_key("Watchdog"), "the rules are evaluated: {alerts:?}");
    let machine = of_the_machine();
    alerts.retain(|name, _| !BY_DESIGN.contains(&name.as_str()) && !machine.contains(name));
    alerts
}

/// A stack with the highest thresholds of the checks of disk and memory, for the same reason.
fn prepared() -> Stack {
    let mut stack = Stack::prepared();
    for threshold in ["ALERTS__THRESHOLD_DISK", "ALERTS__THRESHOLD_MEMORY"] {
        stack.set(threshold, "98");
    }
    stack
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts the native stack: ./run.sh test"]
async fn no_alert_fires_on_a_clean_install_idle_or_loaded() {
    let on = prepared();
    on.start();
    let mut off = prepared();
    off.set("PROMETHEUS__ENABLED", "false");
    off.start();
    tokio::time::sleep(IDLE).await;
    assert_eq!(fired(&on).await, BTreeMap::new(), "idle");
    let demo = on.run(&["demo", "--for", LOADED]);
    assert!(demo.succeeded, "{}", demo.text);
    assert_eq!(fired(&on).await, BTreeMap::new(), "loaded");
    assert_eq!(fired(&off).await, BTreeMap::new(), "with the metrics switched off");
}
