//! Writes families as `io.prometheus.client.MetricFamily` messages, each with its length before it.
//!
//! In text a native histogram cannot be shown, so everyone else gets classic buckets. This page has both, and the scraper
//! keeps either, or both.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use prost::Message as _;

use super::messages::{
    Bucket, BucketSpan, Exemplar, Histogram, LabelPair, Metric, MetricFamily, MetricType, Number, Timestamp,
};
use crate::metric::Kind;
use crate::registry::{self, Distribution, Family, NativeBuckets, Value, ZERO_THRESHOLD, names};

/// Appends a family to a page and returns how many samples it has, a native histogram being one. One without a series is
/// not written.
pub(super) fn write_family(page: &mut Vec<u8>, name: &str, family: &Family) -> usize {
    let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
    let shown = series.iter().filter(|(_, value)| !value.is_forgotten(family.kind));
    let metric: Vec<Metric> = shown.map(|(labels, value)| metric(labels, value, family)).collect();
    if metric.is_empty() {
        return 0;
    }
    let samples = metric.iter().map(|metric| metric.histogram.as_ref().map_or(1, |own| own.bucket.len() + 2)).sum();
    let kind = match family.kind {
        Kind::Counter | Kind::FloatCounter => MetricType::Counter,
        Kind::Gauge | Kind::Reading => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    let help = family.help.read().unwrap_or_else(PoisonError::into_inner);
    let help = (!help.is_empty()).then(|| help.to_string());
    let family = MetricFamily { name: name.to_owned(), help, r#type: kind.into(), metric };
    family.encode_length_delimited(page).expect("a vector grows with what is written to it");
    samples
}

fn metric(labels: &str, value: &Value, family: &Family) -> Metric {
    let label = names::parse_labels(labels).into_iter().map(|(name, value)| label(name, value)).collect();
    let mut metric = Metric { label, ..Metric::default() };
    match value {
        Value::Count(count) => metric.counter = Some(Number { value: count.load(Ordering::Relaxed) as f64 }),
        Value::Level(level) => {
            let number = Some(Number { value: f64::from_bits(level.load(Ordering::Relaxed)) });
            match family.kind {
                Kind::FloatCounter => metric.counter = number,
                _ => metric.gauge = number,
            }
        }
        Value::Distribution(distribution) => metric.histogram = Some(histogram(family, distribution)),
    }
    metric
}

fn label(name: &str, value: String) -> LabelPair {
    LabelPair { name: name.to_owned(), value }
}

fn histogram(family: &Family, distribution: &Distribution) -> Histogram {
    // Locked, so that both kinds of buckets hold the same values.
    let detail = distribution.detail();
    let mut cumulative_count = 0;
    let bounds = family.bounds.iter().map(|(bound, _)| *bound).chain([f64::INFINITY]);
    let bucket = bounds.zip(distribution.counts()).enumerate().map(|(bucket, (upper_bound, count))| {
        cumulative_count += count;
        Bucket { cumulative_count, upper_bound, exemplar: distribution.exemplar(bucket).map(exemplar) }
    });
    let bucket = bucket.collect();
    let mut histogram =
        Histogram { sample_count: cumulative_count, sample_sum: distribution.sum(), bucket, ..Histogram::default() };
    if let Some(native) = detail.as_ref().and_then(|detail| detail.native.as_ref()) {
        add_native(&mut histogram, native);
    }
    histogram
}

fn add_native(histogram: &mut Histogram, native: &NativeBuckets) {
    histogram.sample_count = native.count();
    histogram.schema = Some(native.schema);
    histogram.zero_threshold = Some(ZERO_THRESHOLD);
    histogram.zero_count = Some(native.zero);
    (histogram.negative_span, histogram.negative_delta) = spans_and_deltas(&native.negative);
    (histogram.positive_span, histogram.positive_delta) = spans_and_deltas(&native.positive);
    // A histogram without a span would be taken for a classic one.
    if native.positive.is_empty() && native.negative.is_empty() {
        histogram.positive_span.push(BucketSpan { offset: 0, length: 0 });
    }
    // Native buckets have no exemplars of their own, so the classic ones' are the histogram's; at most one of each.
    histogram.exemplars = histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.clone()).collect();
}

/// Which buckets have values, and by how much each count differs from the one before.
fn spans_and_deltas(side: &BTreeMap<i32, u64>) -> (Vec<BucketSpan>, Vec<i64>) {
    let mut spans = Vec::new();
    // Indices without a gap are one span; its offset counts from the end of the one before.
    let mut after = 0;
    let mut indices = side.keys().copied().peekable();
    while let Some(first) = indices.next() {
        let mut end = first + 1;
        while indices.next_if_eq(&end).is_some() {
            end += 1;
        }
        spans.push(BucketSpan { offset: first - after, length: (end - first).unsigned_abs() });
        after = end;
    }
    let mut before = 0;
    let counts = side.values().map(|count| i64::try_from(*count).unwrap_or(i64::MAX));
    let deltas = counts.map(|count| count - std::mem::replace(&mut before, count)).collect();
    (spans, deltas)
}

fn exemplar(exemplar: registry::Exemplar) -> Exemplar {
    let label = vec![label("trace_id", exemplar.span.trace_hex()), label("span_id", exemplar.span.span_hex())];
    let seconds = i64::try_from(exemplar.recorded_ms / 1000).unwrap_or(i64::MAX);
    // Below 1000 ms, so that it fits.
    let nanos = (exemplar.recorded_ms % 1000) as i32 * 1_000_000;
    Exemplar { label, value: exemplar.value, timestamp: Some(Timestamp { seconds, nanos }) }
}
