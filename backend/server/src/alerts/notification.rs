//! What Alertmanager posts to a webhook, version 4 of its payload
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>), read into the alerts that are stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::labels::Severity;
use crate::request::shown;

/// The most alerts of one notification: all of a group, unless the receiver has `max_alerts`.
pub(super) const MAX_ALERTS: usize = 1_000;

/// A notification. Fields that later versions of Alertmanager add are ignored.
#[derive(Deserialize)]
pub struct Notification {
    version: String,
    /// How many alerts of the group were left out.
    #[serde(default, rename = "truncatedAlerts")]
    truncated: u64,
    alerts: Vec<AlertBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody {
    status: AlertStatus,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    fingerprint: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum AlertStatus {
    Firing,
    Resolved,
}

/// An alert that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) fingerprint: String,
    pub(super) name: String,
    pub(super) severity: Severity,
    pub(super) summary: String,
    pub(super) description: String,
    /// JSON.
    pub(super) labels: String,
    pub(super) runbook_url: String,
    pub(super) dashboard_url: String,
    /// In microseconds since 1970 UTC, as are those that follow.
    pub(super) starts_at: i64,
    pub(super) resolved_at: Option<i64>,
}

/// The alerts of a notification, each once, ordered by fingerprint and start.
pub(super) struct Alerts {
    pub(super) received: Vec<Received>,
    /// How many alerts Alertmanager left out.
    pub(super) truncated: u64,
}

impl Notification {
    /// What it says, if that can be stored.
    ///
    /// # Errors
    /// 422 for another version than 4, too many alerts, or an alert without a fingerprint; nothing is stored then.
    pub(super) fn read(self) -> Result<Alerts> {
        let Self { version, truncated, alerts } = self;
        if version != "4" {
            let detail = format!("version: found {}, expected \"4\"", shown(&version));
            return Err(Error::invalid("invalid_notification", detail));
        }
        if alerts.len() > MAX_ALERTS {
            let detail = format!(
                "alerts: found {}, expected at most {MAX_ALERTS}; max_alerts of Alertmanager's webhook bounds them",
                alerts.len()
            );
            return Err(Error::invalid("too_many_alerts", detail));
        }
        let mut received = BTreeMap::new();
        for (place, alert) in alerts.into_iter().enumerate() {
            let alert = alert.read(place)?;
            // Of the same alert told twice, the end counts.
            let key = (alert.fingerprint.clone(), alert.starts_at);
            let has_ended = |other: &Received| other.resolved_at.is_some();
            if alert.resolved_at.is_some() || !received.get(&key).is_some_and(has_ended) {
                received.insert(key, alert);
            }
        }
        Ok(Alerts { received: received.into_values().collect(), truncated })
    }
}

impl AlertBody {
    fn read(self, place: usize) -> Result<Received> {
        let Self { status, labels, annotations, starts_at, ends_at, fingerprint } = self;
        let is_hex =
            |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(&fingerprint) {
            let found = shown(&fingerprint);
            let detail =
                format!("alerts[{place}].fingerprint: found {found}, expected the hexadecimal digits of a hash");
            return Err(Error::invalid("invalid_notification", detail));
        }
        let annotation = |name: &str| annotations.get(name).map(|text| storable(text)).unwrap_or_default();
        let starts_at = starts_at.as_microsecond();
        let labels: BTreeMap<String, String> =
            labels.into_iter().map(|(name, value)| (storable(&name), storable(&value))).collect();
        Ok(Received {
            fingerprint: fingerprint.to_ascii_lowercase(),
            name: labels.get("alertname").filter(|name| !name.is_empty()).map_or("unnamed", String::as_str).to_owned(),
            // As the API shows it. What the label says is among the labels.
            severity: labels.get("severity").and_then(|text| text.parse().ok()).unwrap_or(Severity::Warning),
            summary: annotation("summary"),
            description: annotation("description"),
            runbook_url: annotation("runbook_url"),
            dashboard_url: annotation("dashboard_url"),
            labels: serde_json::to_string(&labels).map_err(|error| Error::Internal(error.into()))?,
            starts_at,
            // Clocks differ.
            resolved_at: (status == AlertStatus::Resolved).then(|| ends_at.as_microsecond().max(starts_at)),
        })
    }
}

/// PostgreSQL stores no NUL in a text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn alert(fingerprint: &str, status: &str) -> Value {
        json!({
            "status": status, "fingerprint": fingerprint, "generatorURL": "http://p/graph",
            "labels": {"alertname": "HttpErrorsHigh", "severity": "critical", "job": "backend"},
            "annotations": {"summary": "Too many", "description": "6 %", "runbook_url": "docs/runbook.md#a"},
            "startsAt": "2026-01-01T00:00:00.123Z", "endsAt": "0001-01-01T00:00:00Z",
        })
    }

    fn read(version: &str, alerts: Value) -> Result<Alerts> {
        let notification: Notification =
            serde_json::from_value(json!({"version": version, "alerts": alerts, "receiver": "backend"})).unwrap();
        notification.read()
    }

    #[test]
    fn an_alert_is_read_with_its_labels_and_links() {
        let Alerts { received, truncated } = read("4", json!([alert("0A1b", "firing")])).unwrap();
        let expected = Received {
            fingerprint: "0a1b".to_owned(),
            name: "HttpErrorsHigh".to_owned(),
            severity: Severity::Critical,
            summary: "Too many".to_owned(),
            description: "6 %".to_owned(),
            labels: r#"{"alertname":"HttpErrorsHigh","job":"backend","severity":"critical"}"#.to_owned(),
            runbook_url: "docs/runbook.md#a".to_owned(),
            dashboard_url: String::new(),
            starts_at: 1_767_225_600_123_000,
            resolved_at: None,
        };
        assert_eq!((received, truncated), (vec![expected], 0));
    }

    #[test]
    fn the_same_alert_twice_is_one_and_its_end_counts() {
        let both = [
            json!([alert("a", "firing"), alert("a", "resolved")]),
            json!([alert("a", "resolved"), alert("a", "firing")]),
        ];
        for alerts in both {
            let Alerts { received, .. } = read("4", alerts).unwrap();
            // Resolved before it began, as clocks have it: at its start.
            assert_eq!(received.len(), 1);
            assert_eq!(received[0].resolved_at, Some(received[0].starts_at));
        }
    }

    #[test]
    fn texts_are_made_storable_and_missing_ones_are_named() {
        let mut odd = alert("a", "firing");
        odd["labels"] = json!({"severity": "page", "n\0": "\0"});
        odd["annotations"] = json!({"summary": "a\0b"});
        let Alerts { received, .. } = read("4", json!([odd])).unwrap();
        let Received { name, severity, summary, labels, .. } = &received[0];
        assert_eq!((name.as_str(), *severity, summary.as_str()), ("unnamed", Severity::Warning, "a\u{fffd}b"));
        assert!(!labels.contains('\0') && !labels.contains("\\u0000"), "{labels}");
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        let refused = |version: &str, alerts: Value| read(version, alerts).err().unwrap().to_string();
        assert_eq!(refused("3", json!([])), "version: found \"3\", expected \"4\"");
        let many = Value::from(vec![alert("a", "firing"); MAX_ALERTS + 1]);
        assert!(refused("4", many).starts_with("alerts: found 1001, expected at most 1000"));
        for fingerprint in ["", "x", &"a".repeat(65)] {
            let said = refused("4", json!([alert("a", "firing"), alert(fingerprint, "firing")]));
            assert!(said.starts_with("alerts[1].fingerprint: found"), "{said}");
        }
    }
}
