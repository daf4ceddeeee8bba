//! Texts stay below the limit of each service, whatever alerts say and however many there are.

use serde_json::{Value, json};

use super::running::Alertmanager;
use super::telegram_html::text_of;

/// Alerts of one group.
const ALERTS: usize = 120;

/// Longer than any limit, and full of what has to be escaped or could be cut in half.
fn long(length: usize) -> String {
    "<b>&amp;\"'🚨ü</a>{{ .Status }}\r\n: - [".chars().cycle().take(length).collect()
}

fn alert(index: usize) -> Value {
    json!({
        "labels": {"alertname": long(300), "job": long(300), "severity": "critical", "instance": format!("{index}")},
        "annotations": {
            "summary": long(2_000),
            "description": format!("{index}: {}", long(3_000)),
            "runbook_url": long(240),
            "dashboard_url": format!("/d/{}", "x".repeat(200)),
        },
    })
}

#[tokio::test]
async fn no_text_is_longer_than_its_service_takes() {
    // Long enough for all alerts of a group to be there.
    let Some(alertmanager) = Alertmanager::start(None, "2s").await else { return };
    let alerts: Vec<Value> = (0..ALERTS).map(alert).collect();
    alertmanager.send(&alerts, false).await;
    alertmanager.services.after(1).await;
    alertmanager.send(&alerts, true).await;
    let received = alertmanager.services.after(2).await;

    for request in &received["telegram"] {
        let body = request.json();
        let html = body["text"].as_str().unwrap();
        // Alertmanager counts characters of HTML, Telegram units of UTF-16 in what is left of it.
        assert!(html.chars().count() <= 4096, "{}", html.chars().count());
        let text = text_of(html).unwrap_or_else(|error| panic!("{error} in {html}"));
        assert!(text.encode_utf16().count() <= 4096);
        assert!(text.contains("0: <b>&amp;") && text.contains("\n… and 1"), "{text}");
        assert!(!text.contains("could not be sent"), "{text}");
    }
    for request in &received["slack"] {
        let attachment = &request.json()["attachments"][0];
        let text = attachment["text"].as_str().unwrap();
        // A message of more than 40 000 characters is cut by Slack.
        assert!((1_000..4_000).contains(&text.chars().count()), "{}", text.chars().count());
        assert!(!text.contains("<b>") && text.contains("&lt;b&gt;&amp;amp;"), "{text}");
        assert!(attachment["title"].as_str().unwrap().chars().count() <= 150);
    }
    for request in &received["pagerduty"] {
        // An event has at most 512 KB; Alertmanager would remove the details.
        assert!(request.body.len() < 100_000, "{}", request.body.len());
        let body = request.json();
        assert!(body["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
        let details = &body["payload"]["custom_details"];
        assert!(details["firing"].is_string() && details["resolved"].is_string(), "{details}");
    }
    let created = received["opsgenie"][0].json();
    for (field, limit) in [("message", 130), ("description", 15_000), ("source", 100), ("alias", 512)] {
        let length = created[field].as_str().unwrap().chars().count();
        assert!((1..=limit).contains(&length), "{field} has {length} characters");
    }
    for mail in alertmanager.services.mails() {
        // RFC 5322, 2.1.1.
        assert!(mail.lines.iter().all(|line| line.len() <= 998), "a line is too long");
        let headers = mail.lines.iter().take_while(|line| !line.is_empty());
        let headers: Vec<&str> = headers.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert!(!headers.iter().any(|name| name.contains('<')), "{headers:?}");
        let length: usize = mail.lines.iter().map(String::len).sum();
        assert!(length < 200_000, "{length}");
        assert_eq!(mail.parts().len(), 2);
    }
    // What is not for people is whole.
    for service in ["backend", "webhook"] {
        for request in &received[service] {
            let body = request.json();
            assert_eq!(body["alerts"].as_array().unwrap().len(), ALERTS, "{service}");
            assert_eq!(body["truncatedAlerts"], 0, "{service}");
        }
    }
}
