//! What each service receives of an alert that fires and is resolved: what that service documents.

use belfry_test_support::recorder::Recorded;
use belfry_test_support::{PATIENCE, eventually};
use serde_json::{Value, json};

use super::running::{Alertmanager, BOT};
use super::telegram_html::text_of;

fn alert(severity: &str) -> Value {
    json!({
        "labels": {"alertname": "HttpErrorsHigh", "job": "backend", "severity": severity, "instance": "backend:8000"},
        "annotations": {
            "summary": "A service answers with errors",
            "description": "7 % of the requests to <backend> & others failed, it's \"5xx\".",
            "runbook_url": "docs/runbook.md#httperrorshigh",
            "dashboard_url": "/d/backend-overview?var-job=backend&from=now-1h",
        },
    })
}

const TEXT: &str = "7 % of the requests to <backend> & others failed, it's \"5xx\".";

#[tokio::test]
async fn each_service_is_told_of_firing_and_resolved() {
    let Some(alertmanager) = Alertmanager::start(None, "300ms").await else { return };
    alertmanager.send(&[alert("critical")], false).await;
    alertmanager.services.after(1).await;
    alertmanager.send(&[alert("critical")], true).await;
    let received = alertmanager.services.after(2).await;

    for (service, requests) in &received {
        let [firing, resolved] = &requests[..] else { panic!("{service} received {requests:#?}") };
        assert!(firing.method == "POST" && resolved.method == "POST", "{service}");
        if *service != "telegram" {
            assert_eq!(firing.header("content-type"), "application/json", "{service}");
        }
    }
    telegram(&received["telegram"]);
    slack(&received["slack"]);
    pagerduty(&received["pagerduty"]);
    opsgenie(&received["opsgenie"]);
    webhook(&received["webhook"], "/webhook?from=belfry", "Bearer webhook-token");
    webhook(&received["backend"], "/backend", "Bearer token of the backend");
    email(&alertmanager);
    assert!(alertmanager.services.of("watchdog").is_empty());
}

/// <https://core.telegram.org/bots/api#sendmessage>
fn telegram(requests: &[Recorded]) {
    let texts: Vec<String> = requests
        .iter()
        .map(|request| {
            assert_eq!(request.target, format!("/telegram/bot{BOT}/sendMessage"));
            let body = request.json();
            assert_eq!((&body["chat_id"], &body["parse_mode"]), (&json!("-1001234567890"), &json!("HTML")), "{body}");
            let text = body["text"].as_str().unwrap();
            if requests[0].body == request.body {
                let link = "<a href=\"http://belfry.test:8000/d/backend-overview?var-job=backend&amp;from=now-1h\">Dashboard</a>";
                assert!(text.contains(link), "{text}");
            }
            text_of(text).unwrap()
        })
        .collect();
    let rest = format!("{TEXT}\nDashboard\nRunbook: docs/runbook.md#httperrorshigh");
    let title = "HttpErrorsHigh backend\nA service answers with errors";
    assert_eq!(texts, [format!("🚨 [FIRING:1] {title}\n• {rest}"), format!("✅ [RESOLVED] {title}\n✅ {rest}")]);
}

/// <https://api.slack.com/reference/messaging/attachments>, and its escaping of `&`, `<` and `>`.
fn slack(requests: &[Recorded]) {
    for (request, (title, color, mark)) in
        requests.iter().zip([("[FIRING:1]", "danger", "•"), ("[RESOLVED]", "good", "✅")])
    {
        assert_eq!(request.target, "/slack/T/B/secret");
        let body = request.json();
        assert_eq!(body["channel"], "#ops");
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["title"], format!("{title} HttpErrorsHigh backend"));
        assert_eq!(attachment["title_link"], "http://belfry.test:8000/alerts");
        assert_eq!(attachment["color"], color);
        let text = "7 % of the requests to &lt;backend&gt; &amp; others failed, it's \"5xx\".";
        let link = "<http://belfry.test:8000/d/backend-overview?var-job=backend&from=now-1h|Dashboard>";
        let expected =
            format!("A service answers with errors\n{mark} {text}\n{link}\nRunbook: docs/runbook.md#httperrorshigh");
        assert_eq!(attachment["text"], expected);
    }
}

/// <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>
fn pagerduty(requests: &[Recorded]) {
    let [firing, resolved] = [0, 1].map(|index| requests[index].json());
    for (body, action) in [(&firing, "trigger"), (&resolved, "resolve")] {
        assert_eq!((&body["routing_key"], &body["event_action"]), (&json!("routing-key"), &json!(action)));
        assert_eq!(body["payload"]["severity"], "critical");
        assert!(!body["payload"]["source"].as_str().unwrap().is_empty());
    }
    assert_eq!(requests[0].target, "/pagerduty/v2/enqueue");
    assert_eq!(firing["dedup_key"], resolved["dedup_key"]);
    assert!((1..=255).contains(&firing["dedup_key"].as_str().unwrap().len()));
    let summary = "[FIRING:1] HttpErrorsHigh backend: A service answers with errors";
    assert_eq!(firing["payload"]["summary"], summary);
    let details = &firing["payload"]["custom_details"];
    assert!(
        details["firing"].as_str().unwrap().starts_with(&format!("* HttpErrorsHigh: {TEXT}\n  since ")),
        "{details}"
    );
    assert_eq!(details["resolved"], "none");
}

/// <https://docs.opsgenie.com/docs/alert-api>
fn opsgenie(requests: &[Recorded]) {
    let [created, closed] = [&requests[0], &requests[1]];
    for request in [created, closed] {
        assert_eq!(request.header("authorization"), "GenieKey api-key");
    }
    assert_eq!(created.target, "/opsgenie/jsm/ops/integration/v2/alerts");
    let body = created.json();
    assert_eq!((&body["message"], &body["priority"]), (&json!("HttpErrorsHigh backend"), &json!("P1")), "{body}");
    let description = format!("A service answers with errors\n* HttpErrorsHigh: {TEXT}\n  since ");
    assert!(body["description"].as_str().unwrap().starts_with(&description), "{body}");
    let alias = body["alias"].as_str().unwrap();
    let close = format!("/opsgenie/jsm/ops/integration/v2/alerts/{alias}/close?identifierType=alias");
    assert_eq!(closed.target, close);
}

/// Alertmanager's own format, version 4.
fn webhook(requests: &[Recorded], target: &str, authorization: &str) {
    for (request, status) in requests.iter().zip(["firing", "resolved"]) {
        assert_eq!(request.target, target);
        assert_eq!(request.header("authorization"), authorization);
        let body = request.json();
        assert_eq!((&body["version"], &body["status"]), (&json!("4"), &json!(status)), "{body}");
        assert_eq!(body["alerts"][0]["annotations"]["description"], TEXT);
        assert_eq!(body["groupLabels"], json!({"alertname": "HttpErrorsHigh", "job": "backend"}));
    }
}

/// RFC 5322, with a text and an HTML part.
fn email(alertmanager: &Alertmanager) {
    let mails = alertmanager.services.mails();
    for (mail, title) in mails.iter().zip(["[FIRING:1] HttpErrorsHigh backend", "[RESOLVED] HttpErrorsHigh backend"]) {
        assert_eq!(mail.from, "belfry@example.test");
        assert_eq!(mail.to, ["j@example.test", "on-call@example.test"]);
        // NUL, us'er, NUL and the password.
        assert_eq!(mail.login, "AHVzJ2VyACBpdCdzICJhIjoge3sgYiB9fSBcbiAjICQoYykgYGRgICVzIMOpIA==");
        assert_eq!(mail.header("Subject"), title);
        let parts = mail.parts();
        let [(text_type, text), (html_type, html)] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((text_type.as_str(), html_type.as_str()), ("text/plain; charset=UTF-8", "text/html; charset=UTF-8"));
        assert!(text.contains(TEXT) && text.contains(&format!("{title}: A service answers with errors")), "{text}");
        assert!(html.contains("to &lt;backend&gt; &amp; others failed, it&#39;s"), "{html}");
        assert!(
            html.contains("<a href=\"http://belfry.test:8000/d/backend-overview?var-job=backend&amp;from=now-1h\">"),
            "{html}"
        );
    }
}

/// Who is told depends on the severity, and a backend that is away keeps nobody else from being told.
#[tokio::test]
async fn an_alert_of_the_backend_needs_no_backend() {
    let away = format!("http://127.0.0.1:{}/backend", belfry_test_support::ports::free_port());
    let Some(alertmanager) = Alertmanager::start(Some(&away), "300ms").await else { return };
    let services = &alertmanager.services;
    let heartbeat = json!({"labels": {"alertname": "Watchdog", "severity": "none"}, "annotations": {}});
    let mut unknown = alert("page-me");
    unknown["labels"]["job"] = json!("unknown severity");
    let mut info = alert("info");
    info["labels"]["job"] = json!("for information");
    alertmanager.send(&[heartbeat, alert("warning"), info, unknown], false).await;

    eventually("two messages, and a sign of life", PATIENCE, async || {
        services.of("webhook").len() == 2 && services.of("slack").len() == 2 && !services.of("watchdog").is_empty()
    })
    .await;
    let mut told: Vec<Value> =
        services.of("webhook").iter().map(|request| request.json()["groupLabels"]["job"].clone()).collect();
    told.sort_by_key(Value::to_string);
    assert_eq!(told, ["backend", "unknown severity"]);
    assert_eq!(services.of("watchdog")[0].json()["status"], "firing");
    for pager in ["pagerduty", "opsgenie"] {
        assert!(services.of(pager).is_empty(), "{pager} is for critical alerts");
    }
}
