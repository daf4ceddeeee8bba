//! Writes families in Prometheus's text format, version 0.0.4, and the lines that it shares with OpenMetrics
//! (`open_metrics.rs`): families by name, series by labels.
//!
//! Comment lines, and whatever is escaped, are the `metrics-exporter-prometheus` crate's. The lines of samples are written
//! here: the crate's function writes and escapes every label once more for each of a histogram's lines, for which the
//! registry has the text already (`docs/performance.md` has what both cost).
//!
//! Source: "Exposition formats" in the Prometheus documentation.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use metrics_exporter_prometheus::formatting;

use crate::metric::Kind;
use crate::registry::{Distribution, Exemplar, Family, Value, names};

/// A page of text as it is written.
#[derive(Default)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) samples: usize,
    /// Writes what follows the value of a bucket; `None` in a format that has no exemplars.
    pub(super) exemplar: Option<fn(&mut String, &Exemplar)>,
}

/// Writes the comment lines of a family in format 0.0.4.
pub(super) fn write_head(text: &mut String, name: &str, family: &Family) {
    let help = family.help.read().unwrap_or_else(PoisonError::into_inner);
    if !help.is_empty() {
        formatting::write_help_line(text, name, None, None, &names::unambiguous(&help));
    }
    formatting::write_type_line(text, name, None, None, type_name(family.kind));
}

/// The type of a family in both text formats.
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter | Kind::FloatCounter => "counter",
        Kind::Gauge | Kind::Reading => "gauge",
        Kind::Histogram => "histogram",
    }
}

impl Text {
    /// Writes a family, its comment lines by `head`; nothing when it has no series to show.
    pub(super) fn family(&mut self, name: &str, family: &Family, head: impl FnOnce(&mut String)) {
        let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut shown = series.iter().filter(|(_, value)| !value.is_forgotten(family.kind)).peekable();
        if shown.peek().is_none() {
            return;
        }
        head(&mut self.text);
        for (labels, value) in shown {
            match value {
                Value::Count(count) => {
                    self.name(name, "", labels);
                    self.whole(count.load(Ordering::Relaxed));
                    self.end_line();
                }
                Value::Level(level) => {
                    self.name(name, "", labels);
                    self.number(f64::from_bits(level.load(Ordering::Relaxed)));
                }
                Value::Distribution(distribution) => self.distribution(name, labels, family, distribution),
            }
        }
    }

    fn distribution(&mut self, name: &str, labels: &str, family: &Family, distribution: &Distribution) {
        let mut total = 0;
        let first = self.text.len();
        self.push(&[name, "_bucket{", labels, if labels.is_empty() { "le=\"" } else { ",le=\"" }]);
        let beginning = first..self.text.len();
        let bounds = family.bounds.iter().map(|(_, text)| text.as_str()).chain(["+Inf"]);
        for (bucket, (bound, count)) in bounds.zip(distribution.counts()).enumerate() {
            // All lines of buckets begin as the first does.
            if bucket > 0 {
                self.text.extend_from_within(beginning.clone());
            }
            total += count;
            self.push(&[bound, "\"} "]);
            self.whole(total);
            if let Some(write) = self.exemplar
                && let Some(exemplar) = distribution.exemplar(bucket)
            {
                write(&mut self.text, &exemplar);
            }
            self.end_line();
        }
        self.name(name, "_sum", labels);
        self.number(distribution.sum());
        // The sum of the buckets just written, so that the two always agree.
        self.name(name, "_count", labels);
        self.whole(total);
        self.end_line();
    }

    fn name(&mut self, name: &str, suffix: &str, labels: &str) {
        if labels.is_empty() {
            self.push(&[name, suffix, " "]);
        } else {
            self.push(&[name, suffix, "{", labels, "} "]);
        }
    }

    fn whole(&mut self, value: u64) {
        self.text.push_str(itoa::Buffer::new().format(value));
    }

    fn number(&mut self, value: f64) {
        write_number(&mut self.text, value);
        self.end_line();
    }

    fn end_line(&mut self) {
        self.text.push('\n');
        self.samples += 1;
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text.push_str(part));
    }
}

/// Writes a number as both text formats have it.
pub(super) fn write_number(text: &mut String, value: f64) {
    if value == f64::INFINITY {
        text.push_str("+Inf");
    } else if value == f64::NEG_INFINITY {
        text.push_str("-Inf");
    } else {
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
    }
}
