//! What has changed since it was last sent, as lines of the DogStatsD protocol.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::HistogramType;
use crate::metric::Kind;
use crate::registry::{Store, Value, names};

/// What was sent, so that of a counter only its growth is.
pub(super) struct Lines {
    histograms: HistogramType,
    /// By a series as the page shows it.
    counts: HashMap<String, u64>,
    levels: HashMap<String, f64>,
}

impl Lines {
    pub(super) fn new(histograms: HistogramType) -> Self {
        Self { histograms, counts: HashMap::new(), levels: HashMap::new() }
    }

    /// The lines that bring an agent up to date, each with its line end.
    pub(super) fn since_last(&mut self, store: &Store) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, family) in store.families() {
            // Copied, so that emits do not wait for this.
            let series: Vec<(String, Value)> = {
                let series = family.series.read().unwrap_or_else(PoisonError::into_inner);
                series.iter().map(|(labels, value)| (labels.clone(), value.clone())).collect()
            };
            for (labels, value) in series {
                let line = Line { name: &name, tags: tags(&labels) };
                match value {
                    Value::Count(count) => {
                        let key = format!("{name}{{{labels}}}");
                        lines.extend(
                            self.growth(key, count.load(Ordering::Relaxed)).map(|growth| line.format(growth, "c")),
                        );
                    }
                    Value::Level(level) => {
                        let level = f64::from_bits(level.load(Ordering::Relaxed));
                        // The protocol cannot say that a value is unknown.
                        if !level.is_finite() {
                            continue;
                        }
                        if family.kind == Kind::FloatCounter {
                            let key = format!("{name}{{{labels}}}");
                            lines.extend(self.rise(key, level).map(|rise| line.format(rise, "c")));
                        } else {
                            lines.push(line.format(level, "g"));
                        }
                    }
                    Value::Distribution(distribution) => {
                        let drained =
                            distribution.detail().and_then(|mut detail| Some(detail.samples.as_mut()?.drain()));
                        let (values, share) = drained.unwrap_or_default();
                        let kind = match self.histograms {
                            HistogramType::Distribution => "d",
                            HistogramType::Histogram => "h",
                        };
                        let kind = if share < 1.0 { format!("{kind}|@{share}") } else { kind.to_owned() };
                        lines.extend(values.into_iter().map(|value| line.format(value, &kind)));
                    }
                }
            }
        }
        lines
    }

    /// By how much a counter grew; a new one is sent even with a growth of 0.
    fn growth(&mut self, key: String, count: u64) -> Option<u64> {
        let last = self.counts.insert(key, count);
        let growth = count.saturating_sub(last.unwrap_or(0));
        (growth > 0 || last.is_none()).then_some(growth)
    }

    /// The same of a counter with fractions. It may be older than this process, so its first value counts as 0 growth.
    fn rise(&mut self, key: String, level: f64) -> Option<f64> {
        let last = self.levels.insert(key, level);
        let rise = last.map_or(0.0, |last| (level - last).max(0.0));
        (rise > 0.0 || last.is_none()).then_some(rise)
    }
}

struct Line<'n> {
    name: &'n str,
    tags: String,
}

impl Line<'_> {
    fn format(&self, value: impl std::fmt::Display, kind: &str) -> String {
        format!("{}:{value}|{kind}{}\n", self.name, self.tags)
    }
}

/// Labels as tags, without what separates tags, fields and lines.
fn tags(labels: &str) -> String {
    let mut text = String::new();
    for (name, value) in names::parse_labels(labels) {
        let begin = if text.is_empty() { "|#" } else { "," };
        let value = value.replace(['|', ',', '\n', '\r'], "_");
        // Writing to a string cannot fail.
        let _ = write!(text, "{begin}{name}:{value}");
    }
    text
}
