//! Writes the page in Prometheus's text format, version 0.0.4: families by name, series by labels.
//!
//! Source: "Exposition formats" in the Prometheus documentation.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::metric::Kind;
use crate::registry::{Distribution, Family, Store, Value};

/// The page, and how many samples are on it.
pub(super) fn page(store: &Store, expected_bytes: usize) -> (String, usize) {
    let mut page = Text { text: String::with_capacity(expected_bytes), samples: 0 };
    for (name, family) in store.families() {
        page.family(&name, &family);
    }
    (page.text, page.samples)
}

struct Text {
    text: String,
    samples: usize,
}

impl Text {
    fn family(&mut self, name: &str, family: &Family) {
        let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut shown = series.iter().filter(|(_, value)| !value.is_forgotten(family.kind)).peekable();
        if shown.peek().is_none() {
            return;
        }
        self.head(name, family);
        for (labels, value) in shown {
            match value {
                Value::Count(count) => {
                    self.name(name, "", labels, None);
                    self.whole(count.load(Ordering::Relaxed));
                }
                Value::Level(level) => {
                    self.name(name, "", labels, None);
                    self.number(f64::from_bits(level.load(Ordering::Relaxed)));
                }
                Value::Distribution(distribution) => self.distribution(name, labels, family, distribution),
            }
        }
    }

    fn head(&mut self, name: &str, family: &Family) {
        let help = family.help.read().unwrap_or_else(PoisonError::into_inner);
        if !help.is_empty() {
            let help = help.replace('\\', r"\\").replace('\n', r"\n");
            self.push(&["# HELP ", name, " ", &help, "\n"]);
        }
        let kind = match family.kind {
            Kind::Counter | Kind::FloatCounter => "counter",
            Kind::Gauge | Kind::Reading => "gauge",
            Kind::Histogram => "histogram",
        };
        self.push(&["# TYPE ", name, " ", kind, "\n"]);
    }

    fn distribution(&mut self, name: &str, labels: &str, family: &Family, distribution: &Distribution) {
        let mut total = 0;
        let bounds = family.bounds.iter().map(|(_, text)| text.as_str()).chain(["+Inf"]);
        for (bound, count) in bounds.zip(distribution.counts()) {
            total += count;
            self.name(name, "_bucket", labels, Some(bound));
            self.whole(total);
        }
        self.name(name, "_sum", labels, None);
        self.number(distribution.sum());
        // The sum of the buckets just written, so that the two always agree.
        self.name(name, "_count", labels, None);
        self.whole(total);
    }

    fn name(&mut self, name: &str, suffix: &str, labels: &str, bound: Option<&str>) {
        self.push(&[name, suffix]);
        match (labels.is_empty(), bound) {
            (true, None) => self.text.push(' '),
            (false, None) => self.push(&["{", labels, "} "]),
            (true, Some(bound)) => self.push(&["{le=\"", bound, "\"} "]),
            (false, Some(bound)) => self.push(&["{", labels, ",le=\"", bound, "\"} "]),
        }
    }

    fn whole(&mut self, value: u64) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.text, "{value}");
        self.samples += 1;
    }

    fn number(&mut self, value: f64) {
        let _ = match value {
            value if value == f64::INFINITY => writeln!(self.text, "+Inf"),
            value if value == f64::NEG_INFINITY => writeln!(self.text, "-Inf"),
            value => writeln!(self.text, "{value}"),
        };
        self.samples += 1;
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text.push_str(part));
    }
}
