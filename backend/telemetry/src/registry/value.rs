//! The value of one series: a count, a level or a distribution.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::HistogramFn;

use super::exemplars::{CurrentSpan, Exemplar, Exemplars};
use super::native_buckets::NativeBuckets;
use super::samples::Samples;
use crate::metric::Kind;

/// The value of one series.
#[derive(Clone)]
pub(crate) enum Value {
    Count(Arc<AtomicU64>),
    /// The bits of a float.
    Level(Arc<AtomicU64>),
    Distribution(Arc<Distribution>),
}

/// What histograms record besides their classic buckets.
#[derive(Clone, Copy, Default)]
pub(crate) struct HistogramOptions {
    /// Buckets that grow with the values, for Prometheus by protobuf.
    pub(crate) native: bool,
    /// The values themselves, for StatsD.
    pub(crate) samples: bool,
    /// The spans in which values were recorded; `None` when nothing is traced.
    pub(crate) exemplars: Option<CurrentSpan>,
}

/// How many values fell between two bounds each, and their sum.
pub(crate) struct Distribution {
    bounds: Arc<[(f64, String)]>,
    // The sum, as the bits of a float, then a count for each bucket. Apart from the bounds, which other threads read meanwhile.
    sum_and_counts: Box<[AtomicU64]>,
    // None with nothing but a text page, which then needs no lock.
    detail: Option<Box<Mutex<Detail>>>,
    // None when nothing is traced.
    exemplars: Option<Exemplars>,
}

/// What a histogram records besides its classic buckets.
pub(crate) struct Detail {
    pub(crate) native: Option<NativeBuckets>,
    pub(crate) samples: Option<Samples>,
}

impl Value {
    pub(super) fn zero(kind: Kind, bounds: &Arc<[(f64, String)]>, options: HistogramOptions) -> Self {
        match kind {
            Kind::Counter => Self::Count(Arc::default()),
            Kind::Gauge => Self::Level(Arc::default()),
            // Not known until it is first set.
            Kind::Reading | Kind::FloatCounter => Self::Level(Arc::new(AtomicU64::new(f64::NAN.to_bits()))),
            Kind::Histogram => Self::Distribution(Arc::new(Distribution::new(bounds.clone(), options))),
        }
    }

    /// Whether it is to be left off the page. NaN means "not known any more" where the row says it may be absent.
    pub(crate) fn is_forgotten(&self, kind: Kind) -> bool {
        let Self::Level(level) = self else { return false };
        matches!(kind, Kind::Reading | Kind::FloatCounter) && f64::from_bits(level.load(Ordering::Relaxed)).is_nan()
    }
}

impl Distribution {
    pub(super) fn new(bounds: Arc<[(f64, String)]>, options: HistogramOptions) -> Self {
        // One more for the sum, and one for what is above the last bound.
        let sum_and_counts = (0..bounds.len() + 2).map(|_| AtomicU64::new(0)).collect();
        let native = options.native.then(NativeBuckets::default);
        let samples = options.samples.then(Samples::default);
        let is_needed = native.is_some() || samples.is_some();
        let detail = is_needed.then(|| Box::new(Mutex::new(Detail { native, samples })));
        Self { bounds, sum_and_counts, detail, exemplars: options.exemplars.map(Exemplars::new) }
    }

    /// Values in each bucket alone, the one above the last bound included.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        self.sum_and_counts[1..].iter().map(|count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn sum(&self) -> f64 {
        f64::from_bits(self.sum_and_counts[0].load(Ordering::Relaxed))
    }

    /// The native buckets and the samples; nothing is recorded while this lock is held.
    pub(crate) fn detail(&self) -> Option<MutexGuard<'_, Detail>> {
        self.detail.as_ref().map(|detail| detail.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest exemplar of a bucket, counted from the lowest.
    pub(crate) fn exemplar(&self, bucket: usize) -> Option<Exemplar> {
        self.exemplars.as_ref()?.newest(bucket)
    }

    /// Counts a value and returns its bucket.
    fn count(&self, value: f64, count: usize) -> usize {
        let bucket = self.bounds.partition_point(|(bound, _)| *bound < value);
        self.sum_and_counts[bucket + 1].fetch_add(count as u64, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value * count as f64).to_bits());
        // The closure always returns a value, so this cannot fail.
        let _ = self.sum_and_counts[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        bucket
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        // Infinity and NaN would make the sum useless for good.
        if !value.is_finite() {
            return;
        }
        let mut detail = self.detail();
        let bucket = self.count(value, count);
        if let Some(exemplars) = &self.exemplars {
            exemplars.record(bucket, self.bounds.len() + 1, value);
        }
        if let Some(detail) = &mut detail {
            if let Some(native) = &mut detail.native {
                native.record(value, count as u64);
            }
            if let Some(samples) = &mut detail.samples {
                samples.record(value, count);
            }
        }
    }
}
