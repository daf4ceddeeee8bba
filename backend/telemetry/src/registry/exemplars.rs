//! Exemplars: for each bucket of a histogram, the newest sample that was recorded inside a sampled span, with the ids of
//! that span. They lead from a slow bucket to a trace that is in it.
//!
//! Source: "Exemplars" in the OpenMetrics 1.0 specification.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The ids of a span, as W3C trace context has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanIds {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
}

/// Returns the span that the calling thread is in, if it is in one and that one is sampled. Called for each sample of a
/// histogram, so it should be cheap.
pub(crate) type CurrentSpan = fn() -> Option<SpanIds>;

/// One sample and the span in which it was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exemplar {
    pub(crate) span: SpanIds,
    pub(crate) value: f64,
    /// When it was recorded, in milliseconds of Unix time.
    pub(crate) recorded_ms: u64,
}

/// The exemplars of one series.
pub(super) struct Exemplars {
    current_span: CurrentSpan,
    // By bucket. Allocated with the first sample inside a sampled span, because many series never have one.
    by_bucket: OnceLock<Box<[Mutex<Option<Exemplar>>]>>,
}

impl SpanIds {
    /// The trace's id as 32 hexadecimal digits.
    pub(crate) fn trace_hex(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }

    /// The span's id as 16 hexadecimal digits.
    pub(crate) fn span_hex(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span_id))
    }
}

impl Exemplars {
    pub(super) fn new(current_span: CurrentSpan) -> Self {
        Self { current_span, by_bucket: OnceLock::new() }
    }

    /// Remembers a sample if it is recorded inside a sampled span.
    pub(super) fn record(&self, bucket: usize, buckets: usize, value: f64) {
        let Some(span) = (self.current_span)() else { return };
        let slots = self.by_bucket.get_or_init(|| (0..buckets).map(|_| Mutex::default()).collect());
        // Whoever holds the lock writes an exemplar that is as new, or reads for a page: in neither case is it worth waiting.
        let Ok(mut slot) = slots[bucket].try_lock() else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        *slot = Some(Exemplar { span, value, recorded_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX) });
    }

    /// The newest exemplar of a bucket.
    pub(super) fn newest(&self, bucket: usize) -> Option<Exemplar> {
        *self.by_bucket.get()?[bucket].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn is_allocated(&self) -> bool {
        self.by_bucket.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use metrics::HistogramFn;

    use super::*;
    use crate::registry::value::{Distribution, HistogramOptions};

    thread_local! {
        static SPAN: Cell<Option<SpanIds>> = const { Cell::new(None) };
    }

    fn in_span(trace: u8, record: impl FnOnce()) {
        SPAN.set(Some(SpanIds { trace_id: [trace; 16], span_id: [trace; 8] }));
        record();
        SPAN.set(None);
    }

    fn distribution(current_span: Option<CurrentSpan>) -> Distribution {
        let bounds: Arc<[(f64, String)]> = [1.0, 2.0].map(|bound: f64| (bound, bound.to_string())).into();
        Distribution::new(bounds, HistogramOptions { exemplars: current_span, ..HistogramOptions::default() })
    }

    fn traces(distribution: &Distribution) -> Vec<Option<(u8, f64)>> {
        let exemplars = (0..3).map(|bucket| distribution.exemplar(bucket));
        exemplars.map(|exemplar| exemplar.map(|exemplar| (exemplar.span.trace_id[0], exemplar.value))).collect()
    }

    #[test]
    fn the_newest_sample_of_each_bucket_is_its_exemplar() {
        let distribution = distribution(Some(|| SPAN.get()));
        for (trace, value) in [(1, 0.5), (2, 9.0), (3, 0.25)] {
            in_span(trace, || distribution.record(value));
        }
        assert_eq!(traces(&distribution), [Some((3, 0.25)), None, Some((2, 9.0))]);
        // A sample outside of a span is counted and leaves the exemplar as it is, as does one that is no number.
        distribution.record(0.75);
        in_span(4, || distribution.record(f64::NAN));
        assert_eq!(traces(&distribution)[0], Some((3, 0.25)));
        assert_eq!(distribution.counts().sum::<u64>(), 4);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let recorded = u128::from(distribution.exemplar(0).unwrap().recorded_ms);
        assert!(recorded <= now && recorded + 60_000 > now, "{recorded} at {now}");
    }

    #[test]
    fn outside_of_sampled_spans_nothing_is_allocated() {
        let exemplars = Exemplars::new(|| SPAN.get());
        (0..1000).for_each(|_| exemplars.record(0, 3, 0.5));
        assert!(!exemplars.is_allocated() && exemplars.newest(0).is_none());
        in_span(1, || exemplars.record(0, 3, 0.5));
        assert!(exemplars.is_allocated());
    }

    #[test]
    fn where_nothing_is_traced_there_are_none() {
        let distribution = distribution(None);
        in_span(1, || distribution.record(0.5));
        assert_eq!(traces(&distribution), [None; 3]);
        assert_eq!(distribution.counts().sum::<u64>(), 1);
    }

    #[test]
    fn a_million_samples_of_many_threads_leave_one_each() {
        let distribution = distribution(Some(|| SPAN.get()));
        std::thread::scope(|scope| {
            for thread in 1..=4_u8 {
                let distribution = &distribution;
                scope.spawn(move || {
                    for sample in 0..250_000_u32 {
                        in_span(thread, || distribution.record(f64::from(sample % 3) + 0.5));
                    }
                });
            }
        });
        assert_eq!(distribution.counts().sum::<u64>(), 1_000_000);
        for (bucket, exemplar) in traces(&distribution).into_iter().enumerate() {
            let (trace, value) = exemplar.unwrap();
            // Not torn: its ids and its value are of one sample.
            assert!((1..=4).contains(&trace) && value == bucket as f64 + 0.5, "{trace} {value} in {bucket}");
            let span = distribution.exemplar(bucket).unwrap().span;
            assert_eq!(span, SpanIds { trace_id: [trace; 16], span_id: [trace; 8] });
        }
    }

    #[test]
    fn ids_are_written_with_all_their_zeros() {
        let mut span = SpanIds { trace_id: [0; 16], span_id: [0; 8] };
        (span.trace_id[15], span.span_id[7]) = (0x0a, 1);
        assert_eq!(span.trace_hex(), "0000000000000000000000000000000a");
        assert_eq!(span.span_hex(), "0000000000000001");
    }
}
