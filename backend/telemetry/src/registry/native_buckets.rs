//! A histogram whose buckets grow with its values, as Prometheus defines native histograms: at schema `n` each bucket's
//! upper bound is 2^(2^-n) times the one before, bucket 0 ends at 1, and buckets without values are not kept.
//!
//! Source: "Native Histograms" in the Prometheus documentation.

use std::collections::BTreeMap;

/// Each bucket is 9 % wider than the one before: what Prometheus's own client libraries begin with for a factor of 1.1.
const FINEST_SCHEMA: i32 = 3;

/// The coarsest schema there is.
const COARSEST_SCHEMA: i32 = -4;

/// Past this many buckets a histogram makes them wider, so that none grows without bound.
const MAX_BUCKETS: usize = 160;

/// Up to here a value counts as zero: a tenth of a microsecond, or of a byte.
pub(crate) const ZERO_THRESHOLD: f64 = 1e-7;

/// The buckets of one series, by their index.
pub(crate) struct NativeBuckets {
    pub(crate) schema: i32,
    pub(crate) zero: u64,
    pub(crate) positive: BTreeMap<i32, u64>,
    pub(crate) negative: BTreeMap<i32, u64>,
}

impl Default for NativeBuckets {
    fn default() -> Self {
        Self { schema: FINEST_SCHEMA, zero: 0, positive: BTreeMap::new(), negative: BTreeMap::new() }
    }
}

impl NativeBuckets {
    /// Counts a finite value.
    pub(super) fn record(&mut self, value: f64, count: u64) {
        if value.abs() <= ZERO_THRESHOLD {
            self.zero += count;
            return;
        }
        let index = (value.abs().log2() * f64::from(self.schema).exp2()).ceil() as i32;
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(index).or_default() += count;
        while self.positive.len() + self.negative.len() > MAX_BUCKETS && self.schema > COARSEST_SCHEMA {
            self.widen();
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.zero + self.positive.values().sum::<u64>() + self.negative.values().sum::<u64>()
    }

    /// Makes one bucket of each two.
    fn widen(&mut self) {
        self.schema -= 1;
        for side in [&mut self.positive, &mut self.negative] {
            for (index, count) in std::mem::take(side) {
                // Bucket 1 and 2 end at the old bounds 1 and 2, of which the second is the new bound 1.
                *side.entry((index + 1) >> 1).or_default() += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(schema: i32, index: i32) -> f64 {
        (f64::from(index) * f64::from(-schema).exp2()).exp2()
    }

    #[test]
    fn each_value_lies_between_the_bounds_of_its_bucket() {
        for value in [1e-6, 0.003, 0.25, 0.5, 0.99, 1.0, 1.01, 3.7, 4096.0, 1e12] {
            let mut buckets = NativeBuckets::default();
            buckets.record(value, 2);
            let (index, count) = buckets.positive.iter().next().unwrap();
            assert_eq!(*count, 2);
            assert!(bound(3, index - 1) < value && value <= bound(3, *index), "{value} in {index}");
        }
    }

    #[test]
    fn zero_and_below_have_buckets_too() {
        let mut buckets = NativeBuckets::default();
        for value in [0.0, 1e-9, -1e-9, -2.0, 2.0] {
            buckets.record(value, 1);
        }
        assert_eq!((buckets.zero, buckets.count()), (3, 5));
        assert_eq!(buckets.negative, BTreeMap::from([(8, 1)]));
        assert_eq!(buckets.positive, BTreeMap::from([(8, 1)]));
    }

    #[test]
    fn buckets_widen_before_there_are_too_many_and_lose_no_value() {
        let mut buckets = NativeBuckets::default();
        for step in 0..10_000 {
            // From 1e-6 to 1e9.
            buckets.record(10_f64.powf(f64::from(step) / 10_000.0 * 15.0 - 6.0), 1);
        }
        assert!(buckets.positive.len() <= MAX_BUCKETS, "{}", buckets.positive.len());
        assert_eq!((buckets.count(), buckets.schema), (10_000, 1));
        // A value still lies between the bounds of its bucket.
        let mut last = NativeBuckets { schema: 1, ..NativeBuckets::default() };
        last.record(1e-6, 1);
        assert_eq!(buckets.positive.keys().next(), last.positive.keys().next());
    }
}
