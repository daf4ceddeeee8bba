//! Nothing is wrong with a new installation, neither idle nor in use, and no alert says so.

use std::collections::BTreeSet;
use std::time::Duration;

use super::running::Stack;
use crate::contracts::monitoring::{list, yaml};

/// Each as long as the longest time that the quickest alerts need, several times over.
const IDLE: Duration = Duration::from_secs(180);
const LOADED: &str = "180s";

/// Of all that ever fired.
const EVER: &str = r#"count by (alertname) (max_over_time(ALERTS{alertstate="firing"}[15m]))"#;

/// What fires by design.
const BY_DESIGN: [&str; 2] = ["AlertDeliveryCanary", "Watchdog"];

/// The alerts about the machine, which may be as full and as busy as it likes while tests run on it.
fn of_the_machine() -> BTreeSet<String> {
    let rules = yaml("infra/monitoring/prometheus/rules/host.yml");
    let groups = list(&rules, "groups").iter();
    let rules = groups.flat_map(|group| list(group, "rules"));
    rules.filter_map(|rule| rule["alert"].as_str()).map(str::to_owned).collect()
}

/// What has fired so far, but for what is by design or about the machine.
async fn fired(stack: &Stack) -> BTreeSet<String> {
    let series = stack.query(EVER, Duration::ZERO).await.expect("Prometheus answers");
    let names: BTreeSet<String> =
        series.iter().filter_map(|series| series["metric"]["alertname"].as_str()).map(str::to_owned).collect();
    assert!(names.contains("Watchdog"), "the rules are evaluated: {names:?}");
    let machine = of_the_machine();
    names.into_iter().filter(|name| !BY_DESIGN.contains(&name.as_str()) && !machine.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts the native stack: ./run.sh test"]
async fn no_alert_fires_on_a_clean_install_idle_or_loaded() {
    let on = Stack::prepared();
    on.start();
    let mut off = Stack::prepared();
    off.set("PROMETHEUS__ENABLED", "false");
    off.start();
    tokio::time::sleep(IDLE).await;
    assert_eq!(fired(&on).await, BTreeSet::new(), "idle");
    let demo = on.run(&["demo", "--for", LOADED]);
    assert!(demo.succeeded, "{}", demo.text);
    assert_eq!(fired(&on).await, BTreeSet::new(), "loaded");
    assert_eq!(fired(&off).await, BTreeSet::new(), "with the metrics switched off");
}
