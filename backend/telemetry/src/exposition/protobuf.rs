//! Writes the page as `io.prometheus.client.MetricFamily` messages, each with its length before it.
//!
//! In text a native histogram cannot be shown, so everyone else gets classic buckets. This page has both, and the scraper
//! keeps either, or both.
//!
//! Source: `io/prometheus/client/metrics.proto` of prometheus/client_model; field numbers stand at their use.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::metric::Kind;
use crate::registry::{Distribution, Family, NativeBuckets, Store, Value, ZERO_THRESHOLD, names};

/// The page, and how many samples are on it, a native histogram being one.
pub(super) fn page(store: &Store, expected_bytes: usize) -> (Vec<u8>, usize) {
    let mut page = Message(Vec::with_capacity(expected_bytes));
    let mut samples = 0;
    for (name, family) in store.families() {
        let (message, family_samples) = family_message(&name, &family);
        if family_samples > 0 {
            page.bytes(&message.0);
            samples += family_samples;
        }
    }
    (page.0, samples)
}

fn family_message(name: &str, family: &Family) -> (Message, usize) {
    let mut message = Message::default();
    message.text(1, name);
    let help = family.help.read().unwrap_or_else(PoisonError::into_inner);
    if !help.is_empty() {
        message.text(2, &help);
    }
    message.unsigned(
        3,
        match family.kind {
            Kind::Counter | Kind::FloatCounter => 0,
            Kind::Gauge | Kind::Reading => 1,
            Kind::Histogram => 4,
        },
    );
    let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
    let mut samples = 0;
    for (labels, value) in series.iter().filter(|(_, value)| !value.is_forgotten(family.kind)) {
        let mut metric = Message::default();
        for (name, value) in names::parse_labels(labels) {
            metric.message(1, |pair| {
                pair.text(1, name);
                pair.text(2, &value);
            });
        }
        let is_counter = matches!(family.kind, Kind::Counter | Kind::FloatCounter);
        samples += 1;
        match value {
            Value::Count(count) => metric.message(3, |counter| counter.double(1, count.load(Ordering::Relaxed) as f64)),
            Value::Level(level) => {
                let level = f64::from_bits(level.load(Ordering::Relaxed));
                metric.message(if is_counter { 3 } else { 2 }, |gauge| gauge.double(1, level));
            }
            Value::Distribution(distribution) => {
                samples += family.bounds.len() + 2;
                metric.message(7, |histogram| histogram.distribution(family, distribution));
            }
        }
        message.bytes_field(4, &metric.0);
    }
    (message, samples)
}

/// A protobuf message as it is written. Zeros are written too: they cost little, and no reader has to know the defaults.
#[derive(Default)]
struct Message(Vec<u8>);

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const WITH_LENGTH: u64 = 2;

impl Message {
    fn distribution(&mut self, family: &Family, distribution: &Distribution) {
        // Locked, so that both kinds of buckets hold the same values.
        let detail = distribution.detail();
        let mut total = 0;
        let mut buckets = Self::default();
        for (bound, count) in
            family.bounds.iter().map(|(bound, _)| *bound).chain([f64::INFINITY]).zip(distribution.counts())
        {
            total += count;
            buckets.message(3, |bucket| {
                bucket.unsigned(1, total);
                bucket.double(2, bound);
            });
        }
        let native = detail.as_ref().and_then(|detail| detail.native.as_ref());
        self.unsigned(1, native.map_or(total, NativeBuckets::count));
        self.double(2, distribution.sum());
        self.0.extend(buckets.0);
        if let Some(native) = native {
            self.native(native);
        }
    }

    fn native(&mut self, native: &NativeBuckets) {
        self.signed(5, i64::from(native.schema));
        self.double(6, ZERO_THRESHOLD);
        self.unsigned(7, native.zero);
        for (side, spans, deltas) in [(&native.negative, 9, 10), (&native.positive, 12, 13)] {
            // Indices without a gap are one span; its offset counts from the end of the one before.
            let mut after = 0;
            let mut indices = side.keys().copied().peekable();
            while let Some(first) = indices.next() {
                let mut end = first + 1;
                while indices.next_if_eq(&end).is_some() {
                    end += 1;
                }
                self.message(spans, |span| {
                    span.signed(1, i64::from(first - after));
                    span.unsigned(2, u64::from((end - first).unsigned_abs()));
                });
                after = end;
            }
            let mut before = 0;
            for count in side.values().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)) {
                self.signed(deltas, count - before);
                before = count;
            }
        }
        // A histogram without a span would be taken for a classic one.
        if native.positive.is_empty() && native.negative.is_empty() {
            self.message(12, |span| {
                span.signed(1, 0);
                span.unsigned(2, 0);
            });
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes_field(field, &inner.0);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes_field(field, text.as_bytes());
    }

    fn bytes_field(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | WITH_LENGTH);
        self.bytes(bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | EIGHT_BYTES);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn unsigned(&mut self, field: u64, value: u64) {
        self.varint(field << 3 | VARINT);
        self.varint(value);
    }

    /// Zigzag: small numbers stay short whatever their sign.
    fn signed(&mut self, field: u64, value: i64) {
        self.unsigned(field, ((value << 1) ^ (value >> 63)) as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
