//! A histogram's values since they were last sent to StatsD, which has no buckets.

/// The most values of one series that are kept between two sendings: 32 KiB.
pub(crate) const MAX_SAMPLES: usize = 4_096;

/// All values, or past [`MAX_SAMPLES`] as many of them, each kept with the same likelihood (Vitter's algorithm R).
#[derive(Default)]
pub(crate) struct Samples {
    values: Vec<f64>,
    seen: u64,
    random: u64,
}

impl Samples {
    pub(super) fn record(&mut self, value: f64, count: usize) {
        for _ in 0..count {
            self.seen += 1;
            if self.values.len() < MAX_SAMPLES {
                self.values.push(value);
                continue;
            }
            let place = self.below(self.seen) as usize;
            if let Some(replaced) = self.values.get_mut(place) {
                *replaced = value;
            }
        }
    }

    /// Removes the values and returns them with the share of all recorded values that they are.
    #[cfg_attr(not(feature = "statsd"), allow(dead_code, reason = "only StatsD is sent samples"))]
    pub(crate) fn drain(&mut self) -> (Vec<f64>, f64) {
        let values = std::mem::take(&mut self.values);
        let share = if self.seen == 0 { 1.0 } else { values.len() as f64 / self.seen as f64 };
        self.seen = 0;
        (values, share)
    }

    /// A number below `end`, evenly enough for a sample (SplitMix64).
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_kept_until_there_are_too_many() {
        let mut samples = Samples::default();
        samples.record(0.5, 3);
        assert_eq!(samples.drain(), (vec![0.5; 3], 1.0));
        assert_eq!(samples.drain(), (vec![], 1.0));
    }

    #[test]
    fn an_even_share_of_too_many_values_is_kept() {
        let mut samples = Samples::default();
        (0..10 * MAX_SAMPLES).for_each(|value| samples.record(value as f64, 1));
        let (values, share) = samples.drain();
        assert_eq!((values.len(), share), (MAX_SAMPLES, 0.1));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let expected = 5.0 * MAX_SAMPLES as f64;
        assert!((mean / expected - 1.0).abs() < 0.05, "{mean} for {expected}");
    }
}
