//! For tests of a service: exactly which series some code changes.
//!
//! An event that changes one series too many, or too few, fails a test of whole-snapshot equality:
//!
//! ```
//! use belfry_telemetry::catalogue::{LOG_EVENTS_TOTAL, LogLevel};
//! use belfry_telemetry::testing::changed_series;
//!
//! let series = changed_series(|| LOG_EVENTS_TOTAL.with(LogLevel::Info).increment(2));
//! assert_eq!(series, [r#"log_events_total{level="info"} 2"#]);
//! ```

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::metric;

/// Runs `emits` on this thread and returns the series it changed, as the page would show them, in order.
///
/// A histogram shows each value that was recorded. Emits of other threads are not seen. It changes how all later emits of
/// the process find their recorder, so a process that tests with it must not also install one.
pub fn changed_series(emits: impl FnOnce()) -> Vec<String> {
    metric::switch_to_local_recorders();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, emits);
    let series = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}=\"{}\"", label.key(), label.value())).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(level) => level.to_string(),
            DebugValue::Histogram(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        };
        format!("{}{labels} {value}", key.key().name())
    });
    let mut series: Vec<String> = series.collect();
    series.sort_unstable();
    series
}

/// As [`changed_series`], for async code: it and the tasks it spawns run to their end on a runtime of this thread.
///
/// ```
/// use belfry_telemetry::{catalogue::ERRORS_TOTAL, testing::changed_series_async};
///
/// async fn refuse() {
///     ERRORS_TOTAL.with(("payment_refused", "checkout")).increment(1);
/// }
/// let series = changed_series_async(refuse());
/// assert_eq!(series, [r#"errors_total{error_type="payment_refused",component="checkout"} 1"#]);
/// ```
pub fn changed_series_async(emits: impl Future) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for a test");
    changed_series(|| drop(runtime.block_on(emits)))
}
