//! What a quantile read from the page has to do with the values that were recorded.

use metrics::Recorder;

use super::{METADATA, key, page};
use crate::catalogue::{LATENCY_SECONDS, SIZE_BYTES, WORK_SECONDS};
use crate::metric::{Kind, Row, SERIES_CAP};
use crate::registry::{HistogramOptions, Store};

/// What the quantiles of a histogram may be wrong by.
const FACTOR: f64 = 2.0;
const QUANTILES: [f64; 5] = [0.01, 0.5, 0.9, 0.95, 0.99];
const GIB: f64 = 1_073_741_824.0;

static LATENCY: Row = row("bench_latency_seconds", LATENCY_SECONDS);
static WORK: Row = row("bench_work_seconds", WORK_SECONDS);
static SIZE: Row = row("bench_size_bytes", SIZE_BYTES);

const fn row(name: &'static str, buckets: &'static [f64]) -> Row {
    Row { name, kind: Kind::Histogram, help: "Measured.", labels: &[], buckets, cap: SERIES_CAP }
}

/// The buckets on the page after these values were recorded: upper bound and cumulative count, ascending.
fn buckets_of(row: &'static Row, values: &[f64]) -> Vec<(f64, f64)> {
    let store = Store::new(&[row], |row| row.buckets.to_vec(), HistogramOptions::default());
    let histogram = store.register_histogram(&key(row.name, &[]), &METADATA);
    for value in values {
        histogram.record(*value);
    }
    let start = format!("{}_bucket{{le=\"", row.name);
    let page = page(&store);
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start)?.split_once("\"} "));
    lines.map(|(bound, count)| (bound.parse().unwrap(), count.parse().unwrap())).collect()
}

/// As Prometheus's `histogram_quantile` reads it, `promql/quantile.go`: the rank within its bucket, which begins at 0 where it is
/// the first, and the greatest finite bound for what lies above.
fn quantile(buckets: &[(f64, f64)], q: f64) -> f64 {
    let all = buckets.last().unwrap().1;
    let rank = q * all;
    let index = buckets.iter().position(|(_, count)| *count >= rank).unwrap();
    let (end, count) = buckets[index];
    if end.is_infinite() {
        return buckets[index - 1].0;
    }
    let (start, before) = if index == 0 { (0.0, 0.0) } else { buckets[index - 1] };
    start + (end - start) * (rank - before) / (count - before)
}

fn check(row: &Row, q: f64, read: f64, recorded: f64) {
    let factor = (read / recorded).max(recorded / read);
    assert!(factor <= FACTOR, "{}: the {q} quantile reads {read}, and {recorded} was recorded", row.name);
}

/// Values between these, each the same number of times the one before.
fn spread(low: f64, high: f64, steps: u32) -> Vec<f64> {
    (0..=steps)
        .map(|step| low * (high / low).powf(f64::from(step) / f64::from(steps)))
        .map(|value| value.min(high))
        .collect()
}

#[test]
fn a_quantile_is_wrong_by_a_factor_of_two_at_most() {
    for (row, low, high) in [(&LATENCY, 50e-6, 60.0), (&WORK, 1e-3, 3600.0), (&SIZE, 256.0, 4.0 * GIB)] {
        // The worst that can be: all are the same, at, just above or between bounds.
        let bounds = row.buckets.iter().flat_map(|bound| [*bound, bound * 1.000_001]);
        let alike = spread(low, high, 300).into_iter().chain(bounds).filter(|value| (low..=high).contains(value));
        for value in alike {
            let buckets = buckets_of(row, &[value; 100]);
            QUANTILES.iter().for_each(|q| check(row, *q, quantile(&buckets, *q), value));
        }
        // All over the range, where the value recorded at the rank is known.
        let values = spread(low, high, 999);
        let buckets = buckets_of(row, &values);
        for (q, rank) in [(0.01, 9), (0.5, 499), (0.9, 899), (0.95, 949), (0.99, 989)] {
            check(row, q, quantile(&buckets, q), values[rank]);
        }
    }
}

/// What read 500, 950 and 990 us whatever it was, and 1.62 GiB where nothing had more than 285 MB.
#[test]
fn fast_requests_and_large_uploads_read_as_they_were() {
    let fast = buckets_of(&LATENCY, &[70e-6; 1000]);
    for q in [0.5, 0.95, 0.99] {
        check(&LATENCY, q, quantile(&fast, q), 70e-6);
    }
    let mut uploads = vec![15e3; 90];
    uploads.extend([285e6; 10]);
    check(&SIZE, 0.95, quantile(&buckets_of(&SIZE, &uploads), 0.95), 285e6);
}
