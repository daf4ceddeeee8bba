//! The trace behind a bucket, as others read it: Python's own client of Prometheus, and a real Prometheus.
//!
//! Needs `prometheus` on the path and Debian's package `python3-prometheus-client`, which `./run.sh test` installs.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::service::Service;
use crate::service::prometheus::Prometheus;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// Nobody has to take the spans.
fn traced(more: &[(&str, &str)]) -> Service {
    let variables = [("TRACING__ENABLED", "true"), ("TRACING__ENDPOINT", "http://127.0.0.1:9")];
    Service::start_example("shapes", &[&variables, more].concat())
}

/// Records this many seconds in a request whose caller has decided whether its trace is kept.
fn pack(service: &Service, seconds: &str, sampled: bool) {
    let flags = if sampled { "01" } else { "00" };
    let answer = service.send(&format!(
        "GET /pack/{seconds} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-{flags}\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn open_metrics(service: &Service) -> String {
    let mut answer = String::new();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {OPEN_METRICS}\r\n\r\n");
    service.begin(&request).read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    page.to_owned()
}

/// Writes each sample with an exemplar, the types of families, and how many samples there are.
const PARSER: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
samples = [sample for family in families for sample in family.samples]
found = [[s.name, s.labels, s.exemplar.labels, s.exemplar.value, float(s.exemplar.timestamp)] for s in samples if s.exemplar]
json.dump([found, {family.name: [family.type, family.unit] for family in families}, len(samples)], sys.stdout)
"#;

/// What Python's parser of OpenMetrics, which refuses a page with any mistake, finds on it.
fn parsed_by_python(page: &str) -> serde_json::Value {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 must be installed");
    python.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{page}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_python_client_reads_the_trace_of_a_bucket() {
    let service = traced(&[]);
    pack(&service, "0.3", true);
    pack(&service, "0.31", true);
    pack(&service, "0.32", false);
    let page = open_metrics(&service);
    let parsed = parsed_by_python(&page);
    let own: Vec<_> =
        parsed[0].as_array().unwrap().iter().filter(|one| one[0] == "shapes_packing_duration_seconds_bucket").collect();
    // One for the bucket: the newest that is sampled.
    let [exemplar] = own[..] else { panic!("{own:?} in {page}") };
    assert_eq!(
        (&exemplar[1], &exemplar[2]["trace_id"], &exemplar[3]),
        (&json!({"le": "0.5"}), &json!(TRACE), &json!(0.31))
    );
    assert_eq!(exemplar[2]["span_id"].as_str().unwrap().len(), 16);
    // The layer's own histograms too.
    let of_requests = |one: &&serde_json::Value| {
        one[0] == "http_request_duration_seconds_bucket" && one[1]["endpoint"] == "/pack/{seconds}"
    };
    let traces: Vec<_> =
        parsed[0].as_array().unwrap().iter().filter(of_requests).map(|one| &one[2]["trace_id"]).collect();
    assert!(!traces.is_empty() && traces.iter().all(|trace| **trace == json!(TRACE)), "{traces:?} in {page}");
    assert_eq!(parsed[1]["shapes_packing_duration_seconds"], json!(["histogram", "seconds"]));
    assert_eq!(parsed[1]["http_requests"], json!(["counter", ""]));
    let text = service.page();
    assert!(!text.contains("trace_id"), "{text}");
}

#[test]
fn with_tracing_off_no_bucket_has_a_trace() {
    let service = Service::start_example("shapes", &[]);
    pack(&service, "0.3", true);
    let page = open_metrics(&service);
    assert!(page.contains("shapes_packing_duration_seconds_bucket{le=\"0.5\"} 1\n"), "{page}");
    assert!(!page.contains("trace_id") && page.ends_with("\n# EOF\n"), "{page}");
}

#[tokio::test]
async fn a_real_prometheus_finds_the_trace_of_a_bucket() {
    for native in ["false", "true"] {
        let service = traced(&[("PROMETHEUS__NATIVE_HISTOGRAMS", native)]);
        pack(&service, "0.3", true);
        let prometheus = Prometheus::scraping(&service, "exemplar-storage,native-histograms");
        let parameters = [("query", "shapes_packing_duration_seconds_bucket"), ("start", "0"), ("end", "4000000000")];
        // Of a native histogram the exemplar is that of the series without a suffix.
        let whole = [("query", "shapes_packing_duration_seconds"), parameters[1], parameters[2]];
        let parameters = if native == "true" { whole } else { parameters };
        let found = prometheus.await_answer("an exemplar", "query_exemplars", &parameters, |answer| {
            let exemplar = &answer["data"][0]["exemplars"][0];
            exemplar.is_object().then(|| (answer["data"][0]["seriesLabels"].clone(), exemplar.clone()))
        });
        let (series, exemplar) = found.await;
        assert_eq!((&exemplar["labels"]["trace_id"], &exemplar["value"]), (&json!(TRACE), &json!("0.3")), "{native}");
        if native == "false" {
            // The bucket has the name that it has in the other text format.
            assert_eq!(series["le"], "0.5");
            assert_eq!(prometheus.await_value(r#"shapes_packing_duration_seconds_bucket{le="1"}"#).await, 1.0);
            assert_eq!(prometheus.await_value("shapes_packing_duration_seconds_count").await, 1.0);
        }
    }
}
