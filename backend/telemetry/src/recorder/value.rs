//! The value of one series: a count, a level or a distribution.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::HistogramFn;

use super::native::Sparse;
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

/// What the histograms keep besides their buckets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Keep {
    /// Buckets that grow with the values, for Prometheus by protobuf.
    pub(crate) native: bool,
    /// The values themselves, for StatsD.
    pub(crate) samples: bool,
}

/// How many values fell between two bounds each, and their sum.
pub(crate) struct Distribution {
    bounds: Arc<[(f64, String)]>,
    // The sum, as the bits of a float, then a count for each bucket. Apart from the bounds, which other threads read meanwhile.
    sum_and_counts: Box<[AtomicU64]>,
    // None with nothing but a text page, which then needs no lock.
    further: Option<Box<Mutex<Further>>>,
}

/// What a histogram keeps besides its buckets.
pub(crate) struct Further {
    pub(crate) native: Option<Sparse>,
    pub(crate) samples: Option<Samples>,
}

impl Value {
    pub(super) fn zero(kind: Kind, bounds: &Arc<[(f64, String)]>, keep: Keep) -> Self {
        match kind {
            Kind::Counter => Self::Count(Arc::default()),
            Kind::Gauge => Self::Level(Arc::default()),
            // Not known until it is first set.
            Kind::Reading | Kind::FloatCounter => Self::Level(Arc::new(AtomicU64::new(f64::NAN.to_bits()))),
            Kind::Histogram => Self::Distribution(Arc::new(Distribution::new(bounds.clone(), keep))),
        }
    }

    /// Not a number stands for what is not known any more, where a row says that it may be absent.
    pub(crate) fn is_forgotten(&self, kind: Kind) -> bool {
        let Self::Level(level) = self else { return false };
        matches!(kind, Kind::Reading | Kind::FloatCounter) && f64::from_bits(level.load(Ordering::Relaxed)).is_nan()
    }
}

impl Distribution {
    fn new(bounds: Arc<[(f64, String)]>, keep: Keep) -> Self {
        // One more for the sum, and one for what is above the last bound.
        let sum_and_counts = (0..bounds.len() + 2).map(|_| AtomicU64::new(0)).collect();
        let further =
            Further { native: keep.native.then(Sparse::default), samples: keep.samples.then(Samples::default) };
        Self { bounds, sum_and_counts, further: further.is_needed().then(|| Box::new(Mutex::new(further))) }
    }

    /// Values in each bucket alone, the one above the last bound included.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.sum_and_counts[1..].iter().map(|count| count.load(Ordering::Relaxed))
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum_and_counts[0].load(Ordering::Relaxed))
    }

    /// What is kept besides; nothing is recorded while this is held.
    pub(crate) fn further(&self) -> Option<MutexGuard<'_, Further>> {
        self.further.as_ref().map(|further| further.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, value: f64, count: usize) {
        let bucket = self.bounds.partition_point(|(bound, _)| *bound < value);
        self.sum_and_counts[bucket + 1].fetch_add(count as u64, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value * count as f64).to_bits());
        // It always has a new value, so this never fails.
        let _ = self.sum_and_counts[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Further {
    fn is_needed(&self) -> bool {
        self.native.is_some() || self.samples.is_some()
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        // Neither infinity nor what is not a number could ever be taken out of the sum again.
        if !value.is_finite() {
            return;
        }
        let mut further = self.further();
        self.count(value, count);
        if let Some(further) = &mut further {
            if let Some(native) = &mut further.native {
                native.record(value, count as u64);
            }
            if let Some(samples) = &mut further.samples {
                samples.record(value, count);
            }
        }
    }
}
