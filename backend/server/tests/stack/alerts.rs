//! What the real Prometheus and Alertmanager make of the rules and of the routing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::running::Stack;

/// What `Watchdog` needs from its rule to Alertmanager: Prometheus sends a firing alert again each minute.
const DELIVERY: Duration = Duration::from_secs(90);

/// Names and values.
type Labels = &'static [(&'static str, &'static str)];

/// What is sent to Alertmanager, and whether something else mutes it.
const SENT: [(&str, Labels, bool); 9] = [
    ("ServiceUnreachable", &[("job", "a"), ("severity", "critical")], false),
    ("HttpErrorsHigh", &[("job", "a"), ("severity", "critical")], true),
    ("HttpErrorsHigh", &[("job", "b"), ("severity", "critical")], false),
    ("BackupStale", &[("job", "a"), ("severity", "warning")], false),
    ("MonitoringTargetDown", &[("job", "blackbox-exporter"), ("tier", "monitoring"), ("severity", "warning")], false),
    ("ProbesFailing", &[("job", "probes"), ("tier", "monitoring"), ("severity", "warning")], true),
    ("DiskSpaceCritical", &[("instance", "n"), ("device", "full"), ("severity", "critical")], false),
    ("DiskSpaceLow", &[("instance", "n"), ("device", "full"), ("severity", "warning")], true),
    ("DiskSpaceLow", &[("instance", "n"), ("device", "other"), ("severity", "warning")], false),
];

fn labels(name: &str, labels: Labels) -> BTreeMap<String, String> {
    let all = labels.iter().copied().chain([("alertname", name)]);
    all.map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
#[ignore = "starts the native stack: ./run.sh test"]
async fn watchdog_alone_fires_and_a_cause_mutes_its_symptoms() {
    let stack = Stack::up();
    // Whatever else the machine is busy with, nothing can fire so soon but what is always so.
    eventually("Watchdog is delivered", DELIVERY, async || {
        let (_, alerts) = stack.get("alertmanager", "/api/v2/alerts").await;
        let alerts = alerts.as_array().cloned().unwrap_or_default();
        alerts.iter().any(|alert| alert["labels"]["alertname"] == "Watchdog").then_some(())
    })
    .await;
    eventually("every rule was evaluated", DELIVERY, async || {
        let (_, rules) = stack.get("prometheus", "/api/v1/rules").await;
        let groups = rules["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array()).flatten().collect();
        assert!(rules.len() > 100, "only {} rules are loaded", rules.len());
        let others = rules.iter().find(|rule| rule["health"] != "ok");
        others.map_or(Ok(()), |rule| Err(format!("{rule}")))
    })
    .await;
    let (_, alerts) = stack.get("prometheus", "/api/v1/alerts").await;
    let alerts = alerts["data"]["alerts"].as_array().cloned().unwrap_or_default();
    let firing: BTreeSet<&str> = alerts
        .iter()
        .filter(|alert| alert["state"] == "firing")
        .filter_map(|alert| alert["labels"]["alertname"].as_str())
        .collect();
    // And AlertDeliveryCanary, half of the time.
    let others: Vec<&&str> = firing.iter().filter(|name| !["AlertDeliveryCanary", "Watchdog"].contains(name)).collect();
    assert_eq!(others, Vec::<&&str>::new(), "{alerts:?}");
    let body: Vec<Value> = SENT.iter().map(|(name, own, _)| json!({ "labels": labels(name, own) })).collect();
    let client = belfry_telemetry::tls::http_client().build().expect("an HTTP client");
    let sent = client.post(stack.url("alertmanager", "/api/v2/alerts")).json(&body).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK);
    // Muting is decided when a group is about to be notified.
    eventually("Alertmanager has judged every alert", DELIVERY, async || {
        let (_, alerts) = stack.get("alertmanager", "/api/v2/alerts").await;
        let alerts = alerts.as_array().cloned().unwrap_or_default();
        for (name, own, is_muted) in SENT {
            let expected = if is_muted { "suppressed" } else { "active" };
            let wanted = json!(labels(name, own));
            let found = alerts.iter().find(|alert| alert["labels"] == wanted);
            let state = found.map(|alert| alert["status"]["state"].clone()).unwrap_or_default();
            if state != expected {
                return Err(format!("{name} {own:?} is {state}, not {expected}"));
            }
        }
        Ok(())
    })
    .await;
}
