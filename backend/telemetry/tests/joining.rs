//! A service that was there before: it keeps its subscriber, its logger, its page of metrics and its environment.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::service::{Service, command};

fn start(has: &str, variables: &[(&str, &str)]) -> Service {
    let mut command = command("joined");
    command.env("HAS", has).envs(variables.iter().copied());
    Service::start_command(command.stdout(Stdio::piped()).stderr(Stdio::null()))
}

const NO_TEXT: &[u8] = &[b'a', 0xff];

#[test]
fn a_service_keeps_its_subscriber_and_its_events_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start("a subscriber", &[("LOG__DIR", folder.path().to_str().unwrap())]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    let page = service.ask("GET", "/internal/metrics");
    assert!(page.contains("http_requests_total{method=\"GET\",endpoint=\"/hello\",status=\"200\"} 1"), "{page}");
    let events = page.lines().find_map(|line| line.strip_prefix("log_events_total{level=\"info\"} ")).unwrap();
    assert!(events.parse::<u32>().unwrap() >= 1, "{page}");
    assert!(service.stop().success());
    let said = service.output();
    assert_eq!(said.matches("said hello").count(), 1, "{said}");
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.contains("said hello") && lines.contains("request_id"), "{lines}");
}

#[test]
fn a_start_over_a_subscriber_is_an_error_that_says_what_to_do() {
    let mut command = command("joined");
    // Not an address, so that it ends in any case.
    let output = command.env("HAS", "a subscriber, unsaid").env("ADDRESS", "nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("a tracing subscriber is installed already; start with Telemetry::join"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_logger_of_the_service_stays_what_it_is() {
    let mut service = start("a logger", &[]);
    assert!(service.ask("GET", "/hello").ends_with("hello"));
    assert!(service.stop().success());
    let said = service.output();
    assert!(said.contains("their logger: logged hello"), "{said}");
}

#[test]
fn a_page_of_the_service_stays_and_ours_is_elsewhere() {
    let service = start("a logger", &[]);
    assert!(service.page().ends_with("their page"));
    assert!(service.ask("GET", "/internal/metrics").contains("app_info{service=\"joined\""));
}

#[test]
fn statements_are_asked_for_only_where_they_are_measured() {
    for (prometheus, statsd) in [("true", "false"), ("false", "false"), ("false", "true")] {
        let service = start("a logger", &[("PROMETHEUS__ENABLED", prometheus), ("STATSD__ENABLED", statsd)]);
        let asked = (prometheus == "true" || statsd == "true").to_string();
        assert!(service.ask("GET", "/statements").ends_with(&asked), "{prometheus}, {statsd}");
    }
}

#[test]
fn the_environment_of_others_need_not_be_text() {
    let mut command = command("minimal");
    command.env("SOMEBODYS", OsStr::from_bytes(NO_TEXT)).env("SOMEBODYS__OWN", OsStr::from_bytes(NO_TEXT));
    let service = Service::start_command(command.stderr(Stdio::null()));
    assert!(service.ask("GET", "/livez").ends_with("ok"));
}

#[test]
fn a_setting_that_is_no_text_is_an_error_that_names_it() {
    for variable in ["LOG__LEVEL", "APP__ENVIRONMENT"] {
        let output = command("minimal").env(variable, OsStr::from_bytes(NO_TEXT)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains(&format!("{variable}: found bytes that are not UTF-8, expected text")), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
