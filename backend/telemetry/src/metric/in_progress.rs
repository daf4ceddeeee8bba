//! A guard that counts what is in progress.

/// A guard: adds 1 to a gauge for as long as it lives.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::InProgress};
///
/// catalogue! {
///     /// Orders being packed.
///     gauge ORDERS_IN_PROGRESS = "shop_orders_in_progress" {};
/// }
/// let packing = InProgress::enter(ORDERS_IN_PROGRESS.with(()));
/// // One order less, also after an early return or a panic.
/// drop(packing);
/// ```
pub struct InProgress(metrics::Gauge);

impl InProgress {
    /// Counts one more thing in progress.
    pub fn enter(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
