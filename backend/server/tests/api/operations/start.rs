//! Starting, stopping and refusing to start. What each switch does is in `switches.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use reqwest::StatusCode;

use crate::api::support::server::{Server, command, problem};

#[tokio::test]
async fn a_started_server_is_alive_and_stops_cleanly() {
    let mut server = Server::start().await;
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_and_is_counted_as_unmatched() {
    let server = Server::start().await;
    problem(server.get("/etc/passwd").await, StatusCode::NOT_FOUND, "not_found").await;
    server.await_metric(r#"http_requests_total{method="GET",endpoint="unmatched",status="404"}"#, 1.0).await;
}

#[tokio::test]
async fn a_method_not_allowed_is_a_problem_that_names_the_allowed() {
    let server = Server::start().await;
    let answer = server.client.put(format!("{}/health", server.url)).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET,HEAD");
    problem(answer, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed").await;
    server.await_metric(r#"http_requests_total{method="PUT",endpoint="/health",status="405"}"#, 1.0).await;
}

#[tokio::test]
async fn the_request_id_that_came_in_goes_out() {
    let server = Server::start().await;
    let request = server.client.get(format!("{}/livez", server.url)).header("x-request-id", "abc-123");
    assert_eq!(request.send().await.unwrap().headers()["x-request-id"], "abc-123");
    let request = server.client.get(format!("{}/livez", server.url)).header("x-request-id", "with a space");
    assert_ne!(request.send().await.unwrap().headers()["x-request-id"], "with a space");
}

#[tokio::test]
async fn a_token_guards_the_metrics_page() {
    let server = Server::start_with(&[("PROMETHEUS__BEARER_TOKEN", "s3cret")]).await;
    assert_eq!(server.get("/metrics").await.status(), StatusCode::UNAUTHORIZED);
    let asked = |token| server.client.get(format!("{}/metrics", server.url)).bearer_auth(token).send();
    assert_eq!(asked("wrong!").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(asked("s3cret").await.unwrap().status(), StatusCode::OK);
    for (given, status) in [
        ("bearer s3cret", StatusCode::OK),
        ("BEARER  s3cret", StatusCode::OK),
        ("Basic s3cret", StatusCode::UNAUTHORIZED),
        ("Bearers3cret", StatusCode::UNAUTHORIZED),
        ("bearer S3CRET", StatusCode::UNAUTHORIZED),
    ] {
        let request = server.client.get(format!("{}/metrics", server.url)).header("authorization", given);
        assert_eq!(request.send().await.unwrap().status(), status, "{given:?}");
    }
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    let cases = [
        ("UPLOAD__MAX_BYTES", "many", "UPLOAD__MAX_BYTES: found `many`, expected a size such as 64MiB"),
        (
            "UPLOAD__MAX_RECORD_BYTES",
            "64MiB1",
            "UPLOAD__MAX_RECORD_BYTES: found `64MiB1`, expected a size such as 64MiB, from 1KiB to 64MiB",
        ),
        (
            "UPLOAD__MAX_RECORD_BYTES",
            "65MiB",
            "UPLOAD__MAX_RECORD_BYTES: found `65MiB`, expected a size such as 64MiB, from 1KiB to 64MiB",
        ),
        ("UPLOAD__MAX_RATIO", "1", "UPLOAD__MAX_RATIO: found `1`, expected a whole number from 2 to 1100"),
        (
            "UPLOAD__MAX_PROCESSING_TIME",
            "2d",
            "UPLOAD__MAX_PROCESSING_TIME: found `2d`, expected a duration from 1ms to 1d",
        ),
        ("UPLOAD__MAX_BYTE", "1", "UPLOAD__MAX_BYTE: found an unknown key, expected UPLOAD__MAX_BYTES perhaps"),
        ("PROMETHEUS__ENABLED", "maybe", "PROMETHEUS__ENABLED: found `maybe`, expected true or false"),
        ("SERVER__PORT", "99999", "SERVER__PORT: found `99999`, expected a whole number from 0 to 65535"),
        ("RETENTION__TTL", "1s", "RETENTION__TTL: found 1s, expected between"),
        ("CLEANUP__ORPHAN_GRACE", "9s", "CLEANUP__ORPHAN_GRACE: found `9s`, expected a duration from 10s to 30d"),
        ("TRAINING__LEASE", "2h", "CLEANUP__ORPHAN_GRACE: found 1h, expected at least TRAINING__LEASE"),
        ("TRAINING__LEASE", "1ns", "TRAINING__LEASE: found `1ns`, expected a duration from 1s to 1d"),
        ("SERVR__PORT", "1", "SERVR__PORT: found an unknown section, expected SERVER__PORT perhaps"),
        ("LOG__LEVEL", "loud", "LOG__LEVEL: found `loud`, expected error, warn, info, debug, trace"),
        ("STORAGE__URL", "ftp://x", "STORAGE__URL: found `ftp://x`, expected s3://bucket/prefix"),
        ("PROMETHEUS__BEARER_TOKEN_FILE", "/nowhere", "PROMETHEUS__BEARER_TOKEN_FILE: found the path `/nowhere`"),
        (
            "AI__ENABLED",
            "true",
            "AI__BASE_URL: found nothing, expected the provider's URL, because AI__ENABLED is true",
        ),
        ("TELEGRAM__ENABLED", "true", "TELEGRAM__TOKEN: found nothing, expected the bot's token"),
        ("TELEGRAM__CHAT_ID", "alerts", "TELEGRAM__CHAT_ID: found `alerts`, expected a chat's number such as -100"),
        ("TELEGRAM__TOKEN", "hunter2/../x", "TELEGRAM__TOKEN: found other characters, expected a token such as"),
        ("LOKI__DELIVERY", "smoke", "LOKI__DELIVERY: found `smoke`, expected buffered, direct"),
        ("SERVER__DRAIN", "long", "SERVER__DRAIN: found `long`, expected a duration from 0s to 1h"),
        ("DATABASE__URL", "mysql://user:hunter2@host/db", "DATABASE__URL: found another kind of URL"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (variable, value, expected) in cases {
        let output = command(&[(variable.to_owned(), value.to_owned())], folder.path()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{variable}={value} started");
        assert!(error.contains(expected), "{variable}={value} says: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_secret_can_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-a-file\n").unwrap();
    let server = Server::start_with(&[("PROMETHEUS__BEARER_TOKEN_FILE", file.path().to_str().unwrap())]).await;
    let asked = server.client.get(format!("{}/metrics", server.url)).bearer_auth("from-a-file").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
}

#[test]
fn a_setting_must_be_text_and_other_variables_need_not() {
    let folder = tempfile::tempdir().unwrap();
    let no_text = OsStr::from_bytes(&[b'a', 0xff]);
    let ask = |variable: &str| {
        let mut command = command(&[("SERVER__PORT".to_owned(), "1".to_owned())], folder.path());
        let output = command.env(variable, no_text).arg("healthcheck").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let said = ask("SOMEBODYS__OWN");
    assert!(said.contains("no answer from http://127.0.0.1:1/readyz"), "{said}");
    assert_eq!(ask("LOG__LEVEL").trim(), "belfry: LOG__LEVEL: found bytes that are not UTF-8, expected text");
}
