//! The HTTP layer from outside: the minimal example as a process of its own, asked over HTTP.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};

use belfry_test_support::statsd::Agent;

use crate::service::{PATIENCE, Service};

#[test]
fn a_route_is_named_by_its_template_and_never_by_its_path() {
    let service = Service::start(&[]);
    assert!(service.ask("GET", "/greet/de").ends_with("Hallo"));
    service.ask("GET", "/greet/secret-person");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/greet/{language}",status="200"} 2"#);
    assert!(!service.page().contains("secret-person"));
}

#[test]
fn a_closed_label_starts_at_0_and_counts_the_rest_as_other() {
    let service = Service::start(&[]);
    service.await_line(r#"greeter_greetings_total{language="en"} 0"#);
    service.ask("GET", "/greet/klingon");
    service.await_line(r#"greeter_greetings_total{language="other"} 1"#);
}

#[test]
fn paths_without_a_route_are_one_series() {
    let service = Service::start(&[]);
    for path in ["/wp-admin", "/.env", "/a/b/c"] {
        let answer = service.ask("GET", path);
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("x-request-id: "), "{answer}");
    }
    service.await_line(r#"http_requests_total{method="GET",endpoint="unmatched",status="404"} 3"#);
}

#[test]
fn a_method_that_the_route_has_not_is_counted_under_the_route() {
    let service = Service::start(&[]);
    assert!(service.ask("POST", "/livez").starts_with("HTTP/1.1 405"));
    service.await_line(r#"http_requests_total{method="POST",endpoint="/livez",status="405"} 1"#);
    service.ask("BREW", "/livez");
    service.await_line(r#"http_requests_total{method="OTHER",endpoint="/livez",status="405"} 1"#);
}

/// A client can send any method to any path, and a histogram is many lines.
#[test]
fn refused_methods_and_paths_have_no_histograms() {
    let service = Service::start(&[]);
    let methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
    for method in methods {
        for (path, status) in [("/livez", "405"), ("/nowhere", "404")] {
            assert!(service.ask(method, path).starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}");
        }
    }
    service.ask("GET", "/livez");
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/livez"} 1"#);
    for (endpoint, status) in [("/livez", "405"), ("unmatched", "404")] {
        for method in methods.map(|method| if method == "BREW" { "OTHER" } else { method }) {
            let counted =
                format!(r#"http_requests_total{{method="{method}",endpoint="{endpoint}",status="{status}"}} 1"#);
            service.await_line(&counted);
        }
    }
    let page = service.page();
    for histogram in ["http_request_duration_seconds", "http_request_size_bytes", "http_response_size_bytes"] {
        let measured = page.lines().filter(|line| line.starts_with(&format!("{histogram}_count{{")));
        let labels = measured.map(|line| line.split(['{', '}']).nth(1).unwrap()).collect::<Vec<_>>();
        assert_eq!(labels, [r#"method="GET",endpoint="/livez""#], "{histogram}");
    }
}

#[test]
fn a_head_request_is_finished_and_has_no_size() {
    let service = Service::start(&[]);
    assert!(service.ask("HEAD", "/livez").starts_with("HTTP/1.1 200"));
    service.await_line(r#"http_requests_total{method="HEAD",endpoint="/livez",status="200"} 1"#);
    service.await_line(r#"http_response_size_bytes_sum{method="HEAD",endpoint="/livez"} 0"#);
}

#[test]
fn an_answer_has_the_size_of_its_body() {
    let service = Service::start(&[]);
    service.ask("GET", "/greet/en");
    service.await_line(r#"http_response_size_bytes_sum{method="GET",endpoint="/greet/{language}"} 5"#);
}

#[test]
fn the_page_is_not_measured_and_nothing_stays_in_progress() {
    let service = Service::start(&[]);
    service.ask("GET", "/livez");
    service.await_line(r#"http_requests_in_progress{method="GET",endpoint="/livez"} 0"#);
    assert!(!service.page().contains(r#"endpoint="/metrics""#));
}

#[test]
fn status_codes_can_be_grouped() {
    let service = Service::start(&[("HTTP_METRICS__GROUP_STATUS_CODES", "true")]);
    service.ask("GET", "/livez");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/livez",status="2xx"} 1"#);
}

#[test]
fn routes_can_be_left_out_and_unmatched_ones_ignored() {
    let service =
        Service::start(&[("HTTP_METRICS__EXCLUDED_ROUTES", "^/livez$"), ("HTTP_METRICS__IGNORE_UNMATCHED", "true")]);
    service.ask("GET", "/livez");
    service.ask("GET", "/nowhere");
    service.ask("GET", "/greet/en");
    service.await_line(r#"http_requests_total{method="GET",endpoint="/greet/{language}",status="200"} 1"#);
    let page = service.page();
    assert!(!page.contains(r#"endpoint="/livez""#) && !page.contains("unmatched"), "{page}");
}

#[test]
fn sizes_and_progress_can_be_switched_off_and_buckets_chosen() {
    let service = Service::start(&[
        ("HTTP_METRICS__SIZES", "false"),
        ("HTTP_METRICS__IN_PROGRESS", "false"),
        ("HTTP_METRICS__LATENCY_BUCKETS", "0.5,30"),
    ]);
    service.ask("GET", "/livez");
    service.await_line(r#"http_request_duration_seconds_bucket{method="GET",endpoint="/livez",le="30"} 1"#);
    let page = service.page();
    assert!(!page.contains("http_request_size_bytes_bucket") && !page.contains("http_requests_in_progress{"), "{page}");
    assert_eq!(page.matches("http_request_duration_seconds_bucket{").count(), 3, "two bounds and +Inf");
}

#[test]
fn in_progress_labels_and_size_buckets_can_be_set() {
    let service =
        Service::start(&[("HTTP_METRICS__IN_PROGRESS_LABELS", "false"), ("HTTP_METRICS__SIZE_BUCKETS", "4,1024")]);
    service.ask("GET", "/greet/en");
    service.ask("GET", "/livez");
    service.await_line("http_requests_in_progress 0");
    // `Hello` is larger than 4 bytes.
    let bucket = r#"http_response_size_bytes_bucket{method="GET",endpoint="/greet/{language}""#;
    service.await_line(&format!(r#"{bucket},le="4"}} 0"#));
    service.await_line(&format!(r#"{bucket},le="1024"}} 1"#));
    let page = service.page();
    assert!(!page.contains("http_requests_in_progress{"), "{page}");
    assert_eq!(page.matches(bucket).count(), 3, "two bounds and +Inf");
    assert_eq!(page.matches(r#"http_request_size_bytes_bucket{method="GET",endpoint="/livez""#).count(), 3);
}

#[test]
fn promtool_finds_nothing_to_say_of_the_page() {
    let service = Service::start(&[]);
    service.ask("GET", "/greet/en");
    service.await_line(r#"greeter_greetings_total{language="en"} 1"#);
    let answer = service.page();
    let (_, page) = answer.split_once("\r\n\r\n").unwrap();
    let promtool =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    // `./run.sh test` installs it; elsewhere nothing can be said.
    let Ok(mut promtool) = promtool else { return };
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn with_monitoring_off_the_service_works_and_has_no_page() {
    let service = Service::start(&[("PROMETHEUS__ENABLED", "false")]);
    assert!(service.ask("GET", "/greet/en").ends_with("Hello"));
    assert!(service.page().starts_with("HTTP/1.1 404"));
}

#[test]
fn each_family_is_on_the_page_once_and_in_order() {
    let service = Service::start(&[]);
    service.ask("GET", "/livez");
    let page = service.page();
    let families: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut sorted = families.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(families, sorted);
}

#[test]
fn statsd_works_without_prometheus() {
    let agent = Agent::start();
    let service = Service::start(&[
        ("PROMETHEUS__ENABLED", "false"),
        ("STATSD__ENABLED", "true"),
        ("STATSD__ADDRESS", agent.address()),
        ("STATSD__INTERVAL", "100ms"),
    ]);
    assert!(service.page().starts_with("HTTP/1.1 404"));
    service.ask("GET", "/greet/de");
    let mut wanted = vec![r"greeter_greetings_total:1|c|#language:de", "process_open_fds:"];
    while !wanted.is_empty() {
        let text = agent.next_datagram(PATIENCE).expect("the agent was sent neither requests nor readings");
        wanted.retain(|wanted| !text.lines().any(|line| line.starts_with(wanted)));
    }
}

#[test]
fn it_is_alive_and_ready_and_says_how_it_is() {
    let service = Service::start(&[]);
    assert!(service.ask("GET", "/livez").ends_with("ok"));
    assert!(service.ask("GET", "/readyz").ends_with(r#"{"message":"serving","ready":true}"#));
    assert!(service.ask("GET", "/health").ends_with(r#"{"status":"ok","checks":{}}"#));
}

#[test]
fn it_is_under_twenty_lines_of_code() {
    let source = include_str!("../examples/minimal.rs");
    let code = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(code < 20, "{code} lines");
}
