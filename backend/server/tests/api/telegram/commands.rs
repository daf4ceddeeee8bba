//! Each command and its answer.

use serde_json::{Value, json};

use super::{World, updates};
use crate::api::support::alertmanager::Alertmanager;
use crate::api::support::jobs::await_runs;
use crate::api::support::runs::{FAKE, await_end, submit_fake, upload_shipped};

#[tokio::test]
async fn status_jobs_runs_and_alerts_are_told() {
    let world = World::new().await;
    // Some of every disk is in use, so that an alert is open, of which the chat is only told when it asks.
    let settings = [
        FAKE,
        ("ALERTS__THRESHOLD_DISK", "1"),
        ("ALERTS__MODE", "observe"),
        ("APP__ENVIRONMENT", "staging"),
        ("APP__INSTANCE", "north"),
    ];
    let server = world.start(&settings).await;
    await_runs(&server, "resource_check", 1).await;
    assert_eq!(world.ask("/runs").await, "There are no training runs.");

    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let id = submit_fake(&server, &dataset_id, "panic", 3).await;
    let ended = await_end(&server, &id).await;
    let runs = world.ask("/runs").await;
    let expected = format!("fake: failed, {}, queued at", ended["error"]["code"].as_str().unwrap());
    assert!(runs.contains(&id) && runs.contains(&expected), "{runs}");

    // In groups with several bots, commands name theirs.
    let status = world.ask("/status@BelfryTestBot").await;
    assert!(status.starts_with(&format!("Belfry {}, staging, north\n", env!("CARGO_PKG_VERSION"))), "{status}");
    for part in ["health: degraded", "disk: ", "training runs: 0 queued, 0 running", "open alerts: 1"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let jobs = world.ask("/JOBS").await;
    for job in ["resource_check: success ", "database_backup: "] {
        let line = jobs.lines().find(|line| line.starts_with(job));
        assert!(line.is_some_and(|line| line.contains("; next in ")), "{job}: {jobs}");
    }
    let alerts = world.ask("/alerts").await;
    assert!(alerts.starts_with("Open alerts: 1\nDiskAlmostFull ("), "{alerts}");
    assert!(world.telegram.messages().last().unwrap().is_html, "its first line is bold");
    server.await_metric(&updates("answered"), 5.0).await;
    server.await_metric(r#"belfry_telegram_messages_total{outcome="delivered"}"#, 5.0).await;
    let calls = r#"external_api_requests_total{service="telegram",endpoint="sendMessage",status="200"}"#;
    server.await_metric(calls, 5.0).await;
    let polls = r#"external_api_requests_total{service="telegram_updates",endpoint="getUpdates",status="200"}"#;
    assert!(server.metric(polls).await >= Some(5.0));
}

#[tokio::test]
async fn help_and_unknown_commands_are_answered_with_the_list() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let list = world.ask("/help").await;
    let names: Vec<&str> = list.lines().map(|line| line.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(names, ["/status", "/jobs", "/runs", "/alerts", "/silence", "/help"]);
    assert_eq!(world.ask("/start").await, list);
    assert_eq!(world.ask("/reboot now").await, format!("There is no /reboot. The commands are:\n{list}"));
    assert_eq!(world.ask("/alerts").await, "No alert is open.");
    server.await_metric(&updates("answered"), 3.0).await;
    server.await_metric(&updates("unknown_command"), 1.0).await;
}

#[tokio::test]
async fn a_silence_needs_an_alertmanager_a_name_and_a_duration() {
    let world = World::new().await;
    let mut server = world.start(&[]).await;
    let answer = world.ask("/silence BackendDown 2h").await;
    let expected = "Alertmanager is not configured: found no VIEWER__ALERTMANAGER_URL, expected its address";
    assert_eq!(answer, expected);

    server.stop().await;
    server.start_again(&[("VIEWER__ALERTMANAGER_URL", "http://127.0.0.1:9")]);
    for (command, expected) in [
        ("/silence", "Nothing was silenced. Found no name, expected /silence NAME DURATION"),
        ("/silence BackendDown", "Nothing was silenced. Found no duration, expected"),
        ("/silence BackendDown 30s", "Nothing was silenced. Found the duration \"30s\", expected one from 1m to 7d"),
        ("/silence \"x\" 2h", "Nothing was silenced. Found the name \"\\\"x\\\"\", expected letters"),
        ("/silence BackendDown 2h", "It is not known whether BackendDown is silenced. Alertmanager: cannot be reached"),
    ] {
        let answer = world.ask(command).await;
        assert!(answer.starts_with(expected), "{command}: {answer}");
    }
    // Written while nobody read it, perhaps for an alert of another night.
    let before = world.telegram.messages().len();
    world.telegram.update(&json!({ "message": {
        "chat": { "id": belfry_test_support::telegram::CHAT }, "date": 1_700_000_000, "text": "/silence BackendDown 2h",
    }}));
    let answers = world.telegram.await_texts(before + 1).await;
    assert!(answers[before].ends_with("minutes ago, so nothing was silenced. Write it again if it is still wanted."));
}

#[tokio::test]
async fn a_real_alertmanager_silences_what_the_chat_asks_for() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let world = World::new().await;
    let server = world.start(&[("VIEWER__ALERTMANAGER_URL", &alertmanager.url)]).await;
    let answer = world.ask("/silence BackendDown 2h 30m").await;
    assert!(answer.starts_with("BackendDown is silenced until "), "{answer}");
    assert!(answer.ends_with(" UTC, by @ann_example. No alert of this name is active now."), "{answer}");

    let get = async |path: &str| {
        let answer = server.client.get(format!("{}{path}", alertmanager.url)).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let silences = get("/api/v2/silences").await;
    let silence = &silences[0];
    assert_eq!(silences.as_array().unwrap().len(), 1, "{silences}");
    assert_eq!(silence["status"]["state"], "active");
    let matchers = json!([{ "name": "alertname", "value": "BackendDown", "isRegex": false, "isEqual": true }]);
    assert_eq!((&silence["matchers"], &silence["createdBy"]), (&matchers, &"@ann_example".into()));
    let time = |field: &str| silence[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    // Alertmanager lets a silence begin when it comes.
    let seconds = time("startsAt").duration_until(time("endsAt")).as_secs_f64();
    assert!((seconds - 9_000.0).abs() < 60.0, "{silence}");

    let alerts = json!([{ "labels": { "alertname": "QueueStuck" } }, { "labels": { "alertname": "BackendDown" } }]);
    let url = format!("{}/api/v2/alerts", alertmanager.url);
    assert!(server.client.post(url).json(&alerts).send().await.unwrap().status().is_success());
    let answer = world.ask("/silence QueueStuck 1h").await;
    assert!(answer.ends_with("1 alert of this name is active now."), "{answer}");
    let active = get("/api/v2/alerts?silenced=false").await;
    assert_eq!(active, json!([]), "both are silenced");
    let calls = r#"external_api_requests_total{service="alertmanager",endpoint="/api/v2/silences",status="200"}"#;
    server.await_metric(calls, 2.0).await;
}
