//! The formats of a page, and how it is sent.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header;
use metrics::{Key, Label, Recorder};
use prost::Message as _;
use tower::ServiceExt;

use super::{CPU, QUEUE, key, page, store, written};
use crate::exposition::messages::MetricFamily;
use crate::exposition::negotiation::Format;
use crate::exposition::rendering::Rendering;
use crate::exposition::{PATH, Page, PrometheusSettings, router};
use crate::registry::fixtures::{METADATA, ORDERS, WAIT};
use crate::registry::{CurrentSpan, HistogramOptions, SpanIds, Store};
use crate::settings::Secret;

fn with_exemplars() -> Store {
    // Every sample of the test is recorded in this span.
    let exemplars: CurrentSpan = || Some(SpanIds { trace_id: [0xab; 16], span_id: [1, 0, 0, 0, 0, 0, 0, 2] });
    let histograms = HistogramOptions { exemplars: Some(exemplars), ..HistogramOptions::default() };
    Store::new(&[&ORDERS, &WAIT, &QUEUE, &CPU], |row| row.buckets.to_vec(), histograms)
}

/// The page without the times of its exemplars, which must be of today.
fn without_times(page: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let line = |line: &str| match line.split_once(" # {") {
        None => line.to_owned(),
        Some((sample, exemplar)) => {
            let (exemplar, time) = exemplar.rsplit_once(' ').unwrap();
            assert_eq!(time.split_once('.').unwrap().1.len(), 3, "{time}");
            assert!((time.parse::<f64>().unwrap() - now).abs() < 60.0, "{time} at {now}");
            format!("{sample} # {{{exemplar}")
        }
    };
    page.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn open_metrics_has_exemplars_units_and_an_end() {
    let store = with_exemplars();
    store.register_counter(&key("shop_orders_total", &[("outcome", "a\\b\"c\nd")]), &METADATA).increment(3);
    store.register_gauge(&key("shop_cpu_seconds_total", &[]), &METADATA).set(1.25);
    store.register_gauge(&key("shop_queue", &[]), &METADATA).set(f64::INFINITY);
    let wait = store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA);
    [0.5, 100.0].iter().for_each(|seconds| wait.record(*seconds));
    // As libraries emit them: without the suffix, and with a name that would be that of the family of another.
    store.describe_counter("other.requests".into(), None, "Says \"hello\".".into());
    store.register_counter(&key("other.requests", &[]), &METADATA).increment(1);
    store.register_counter(&key("shop_queue_total", &[]), &METADATA).increment(2);
    let expected = "# TYPE other_requests unknown\n# HELP other_requests Says \\\"hello\\\".\nother_requests 1\n\
        # TYPE shop_cpu_seconds counter\n# UNIT shop_cpu_seconds seconds\n# HELP shop_cpu_seconds CPU.\n\
        shop_cpu_seconds_total 1.25\n\
        # TYPE shop_orders counter\n# HELP shop_orders Orders, \\\\ and\\nmore.\n\
        shop_orders_total{outcome=\"a\\\\b\\\"c\\nd\"} 3\n\
        # TYPE shop_queue gauge\n# HELP shop_queue Waiting.\nshop_queue +Inf\n\
        # TYPE shop_queue_total unknown\nshop_queue_total 2\n\
        # TYPE shop_wait_seconds histogram\n# UNIT shop_wait_seconds seconds\n# HELP shop_wait_seconds Waits.\n\
        shop_wait_seconds_bucket{le=\"0.5\"} 1 # {trace_id=\"abababababababababababababababab\",span_id=\"0100000000000002\"} 0.5\n\
        shop_wait_seconds_bucket{le=\"2\"} 1\n\
        shop_wait_seconds_bucket{le=\"+Inf\"} 2 # {trace_id=\"abababababababababababababababab\",span_id=\"0100000000000002\"} 100\n\
        shop_wait_seconds_sum 100.5\nshop_wait_seconds_count 2\n\
        # EOF\n";
    assert_eq!(without_times(&written(&store, Format::OpenMetrics)), expected);
    // The other text format has none.
    assert!(!page(&store).contains("trace_id"));
}

#[test]
fn an_empty_open_metrics_page_has_an_end() {
    assert_eq!(written(&store(), Format::OpenMetrics), "# EOF\n");
}

#[test]
fn both_text_formats_have_the_same_series() {
    let store = with_exemplars();
    store.register_counter(&key("shop_orders_total", &[("outcome", "paid")]), &METADATA).increment(3);
    store.register_counter(&key("other", &[]), &METADATA).increment(3);
    store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA).record(0.25);
    let series = |format| {
        let page = written(&store, format);
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(" # {").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(series(Format::Text), series(Format::OpenMetrics));
}

#[test]
fn a_protobuf_page_has_exemplars_of_buckets_and_histograms() {
    let histograms = HistogramOptions {
        native: true,
        exemplars: Some(|| Some(SpanIds { trace_id: [0xab; 16], span_id: [1; 8] })),
        ..HistogramOptions::default()
    };
    let store = Store::new(&[&WAIT], |row| row.buckets.to_vec(), histograms);
    let wait = store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA);
    [0.25, 0.5, 100.0].iter().for_each(|seconds| wait.record(*seconds));
    let page = Rendering::begin(&store, Format::Protobuf).next_chunk();
    let family = MetricFamily::decode_length_delimited(page.as_slice()).unwrap();
    let histogram = family.metric[0].histogram.as_ref().unwrap();
    let buckets: Vec<Option<f64>> =
        histogram.bucket.iter().map(|bucket| bucket.exemplar.as_ref().map(|exemplar| exemplar.value)).collect();
    assert_eq!(buckets, [Some(0.5), None, Some(100.0)]);
    assert_eq!(histogram.exemplars.iter().map(|exemplar| exemplar.value).collect::<Vec<_>>(), [0.5, 100.0]);
    for exemplar in &histogram.exemplars {
        let labels: Vec<_> = exemplar.label.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
        assert_eq!(labels, [("trace_id", &*"ab".repeat(16)), ("span_id", &*"01".repeat(8))]);
        assert!(exemplar.timestamp.unwrap().seconds > 1_700_000_000);
    }
}

#[test]
fn a_large_page_comes_in_chunks_of_whole_families() {
    let store = store();
    for series in 0..20_000 {
        let labels = vec![Label::new("id", (series % 1000).to_string())];
        let name = format!("other_{:02}", series / 1000);
        store.register_gauge(&Key::from_parts(name, labels), &METADATA).set(f64::from(series));
    }
    let mut rendering = Rendering::begin(&store, Format::Text);
    let mut chunks = Vec::new();
    while !rendering.is_finished() {
        chunks.push(String::from_utf8(rendering.next_chunk()).unwrap());
    }
    assert!(chunks.len() > 1);
    assert!(chunks.iter().all(|chunk| chunk.starts_with("# TYPE ") && chunk.ends_with('\n')));
    assert_eq!(rendering.bytes, chunks.concat().len());
    assert_eq!(rendering.samples, 20_000);
    assert_eq!(chunks.concat().matches("\nother_").count(), 20_000);
}

#[tokio::test]
async fn a_long_page_is_streamed_and_a_short_one_has_its_length() {
    for series in [10, 20_000] {
        let store = Box::leak(Box::new(store()));
        for number in 0..series {
            let name = format!("other_{}", number / 1000);
            let labels = vec![Label::new("id", (number % 1000).to_string())];
            store.register_gauge(&Key::from_parts(name, labels), &METADATA).set(1.0);
        }
        let page = Page::open(store, false).unwrap();
        let settings = PrometheusSettings {
            enabled: true,
            bearer_token: Secret::default(),
            native_histograms: false,
            url: None,
            job: String::new(),
        };
        for (accept, format) in [("*/*", Format::Text), ("application/openmetrics-text", Format::OpenMetrics)] {
            let request = Request::get(PATH).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
            let answer = router::<()>(Some(page), &settings).oneshot(request).await.unwrap();
            assert_eq!(answer.headers()[header::CONTENT_TYPE], format.content_type());
            let body = answer.into_body();
            assert_eq!(body.size_hint().exact().is_some(), series == 10, "{series}");
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            assert!(bytes == written(store, format), "{series} {accept}");
        }
    }
}
