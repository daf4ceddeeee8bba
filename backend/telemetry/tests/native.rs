//! Native histograms, with the one program whose word counts: a real Prometheus scrapes the minimal example and is asked.
//!
//! Needs the program `prometheus` on the path, which `./run.sh test` installs.
//! What that Prometheus does not show, the page is read for by a decoder that was not written here.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;

use prost::Message;

use crate::service::Service;
use crate::service::prometheus::Prometheus;

const ON: [(&str, &str); 1] = [("PROMETHEUS__NATIVE_HISTOGRAMS", "true")];
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn ask_for(service: &Service, accept: &str) -> String {
    service.send(&format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"))
}

#[test]
fn protobuf_is_for_scrapers_that_ask_and_others_get_text() {
    let service = Service::start(&ON);
    service.ask("GET", "/greet/en");
    service.await_line(r#"http_request_duration_seconds_count{method="GET",endpoint="/greet/{language}"} 1"#);
    let protobuf = ask_for(&service, PROTOBUF);
    assert!(protobuf.contains("application/vnd.google.protobuf") && !protobuf.contains("# TYPE"));
    let text = ask_for(&service, "text/plain");
    assert!(text.contains("text/plain") && text.contains("http_request_duration_seconds_bucket{"));
}

/// The part of prometheus/client_model's `metrics.proto` that the page uses, written apart from that of the
/// page, so that a wrong number in either is found.
mod client {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct MetricFamily {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub help: String,
        #[prost(int32, tag = "3")]
        pub r#type: i32,
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Number>,
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Number>,
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct LabelPair {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Number {
        #[prost(double, tag = "1")]
        pub value: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Histogram {
        #[prost(uint64, tag = "1")]
        pub sample_count: u64,
        #[prost(double, tag = "2")]
        pub sample_sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        #[prost(sint32, tag = "5")]
        pub schema: i32,
        #[prost(uint64, tag = "7")]
        pub zero_count: u64,
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<Span>,
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub positive_delta: Vec<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Bucket {
        #[prost(uint64, tag = "1")]
        pub cumulative_count: u64,
        #[prost(double, tag = "2")]
        pub upper_bound: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Span {
        #[prost(sint32, tag = "1")]
        pub offset: i32,
        #[prost(uint32, tag = "2")]
        pub length: u32,
    }
}

/// The families of a protobuf page, by name.
fn decoded(service: &Service) -> BTreeMap<String, client::MetricFamily> {
    let mut stream =
        service.begin(&format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {PROTOBUF}\r\n\r\n"));
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut rest = &answer[body..];
    let mut families = BTreeMap::new();
    while !rest.is_empty() {
        let family = client::MetricFamily::decode_length_delimited(&mut rest).unwrap();
        assert!(families.insert(family.name.clone(), family).is_none());
    }
    families
}

#[test]
fn the_protobuf_page_has_every_family_and_both_bucket_kinds() {
    let service = Service::start(&ON);
    for _ in 0..3 {
        service.ask("GET", "/greet/en");
    }
    let labels = r#"{method="GET",endpoint="/greet/{language}"}"#;
    service.await_line(&format!("http_request_duration_seconds_count{labels} 3"));
    let text = service.page();
    let families = decoded(&service);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: Vec<(&str, i32)> = types
        .map(|(name, kind)| {
            (name, ["counter", "gauge", "", "", "histogram"].iter().position(|one| *one == kind).unwrap() as i32)
        })
        .collect();
    assert_eq!(families.values().map(|family| (family.name.as_str(), family.r#type)).collect::<Vec<_>>(), types);
    for family in families.values() {
        for metric in &family.metric {
            let typed = [metric.counter.is_some(), metric.gauge.is_some(), metric.histogram.is_some()];
            assert_eq!(typed, [family.r#type == 0, family.r#type == 1, family.r#type == 4], "{}", family.name);
            let value = metric.gauge.as_ref().or(metric.counter.as_ref()).map_or(0.0, |number| number.value);
            assert!(!value.is_nan(), "{} is not known and yet there", family.name);
        }
    }
    // A counter with fractions is one here as well, and the page accounts for itself.
    assert!(families["process_cpu_seconds_total"].metric[0].counter.is_some());
    assert!(families["telemetry_page_bytes"].metric[0].gauge.as_ref().unwrap().value > 1000.0);
    let rendered = families["telemetry_render_duration_seconds"].metric[0].histogram.as_ref().unwrap();
    let before = service.value("telemetry_render_duration_seconds_count").unwrap();
    assert!(rendered.sample_count > 0 && before > rendered.sample_count as f64, "a page in protobuf counts too");

    let durations = &families["http_request_duration_seconds"].metric;
    let greeted = durations.iter().find(|metric| metric.label[1].value == "/greet/{language}").unwrap();
    assert_eq!(greeted.label[0], client::LabelPair { name: "method".to_owned(), value: "GET".to_owned() });
    let histogram = greeted.histogram.as_ref().unwrap();
    assert_eq!(histogram.sample_count, 3);
    let classic = histogram.bucket.last().unwrap();
    assert_eq!((classic.cumulative_count, classic.upper_bound), (3, f64::INFINITY));
    let counts = histogram.positive_delta.iter().scan(0, |count, delta| {
        *count += delta;
        Some(*count)
    });
    assert_eq!(counts.sum::<i64>() + histogram.zero_count as i64, 3);
    let length: u32 = histogram.positive_span.iter().map(|span| span.length).sum();
    assert_eq!(length as usize, histogram.positive_delta.len());
}

#[test]
fn switched_off_even_who_asks_gets_text() {
    let service = Service::start(&[]);
    assert!(ask_for(&service, PROTOBUF).contains("# TYPE log_events_total counter"));
}

#[tokio::test]
async fn a_real_prometheus_computes_with_native_histograms() {
    let service = Service::start(&ON);
    for _ in 0..20 {
        service.ask("GET", "/greet/en");
    }
    let prometheus = Prometheus::scraping(&service, "native-histograms");
    // Of a native histogram only: a classic one has no series of this name.
    let greeted = r#"http_request_duration_seconds{endpoint="/greet/{language}"}"#;
    assert_eq!(prometheus.await_value(&format!("histogram_count({greeted})")).await, 20.0);
    let p90 = prometheus.await_value(&format!("histogram_quantile(0.9, {greeted})")).await;
    assert!(p90 > 0.0 && p90 < 10.0, "{p90}");
    // And the rest of the page with them.
    assert_eq!(prometheus.await_value(r#"greeter_greetings_total{language="en"}"#).await, 20.0);
}
