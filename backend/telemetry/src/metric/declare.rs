//! The `catalogue!` macro, which declares metrics.

/// Declares metrics, one row each, and `ROWS`, the list of them.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Values::{Closed, Open}};
///
/// catalogue! {
///     /// Orders taken, by how they ended.
///     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Closed(&["paid", "cancelled"]), shop: Open };
///     /// Time to pack an order.
///     histogram PACKING_DURATION_SECONDS = "shop_packing_duration_seconds" {} buckets &[0.1, 1.0, 10.0];
/// }
/// ORDERS_TOTAL.with(["paid", "north"]).increment(1);
/// PACKING_DURATION_SECONDS.record(0.4);
/// assert_eq!(ROWS.len(), 2);
/// ```
///
/// Kinds: `counter`, `float_counter`, `gauge`, `reading` (a gauge absent until set), `histogram`. A row with open labels may have
/// a cap of its own, before its buckets; otherwise it is [`SERIES_CAP`](crate::metric::SERIES_CAP):
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Values::Open};
///
/// catalogue! {
///     /// Parcels sent, by city.
///     counter PARCELS_TOTAL = "shop_parcels_total" { city: Open } cap 200;
/// }
/// assert_eq!(ROWS[0].cap, 200);
/// ```
#[macro_export]
macro_rules! catalogue {
    ($($(#[doc = $help:literal])+ $kind:ident $metric:ident = $name:literal
       { $($label:ident : $values:expr),* $(,)? } $(cap $cap:tt)? $(buckets $buckets:expr)? ;)+) => {
        $(
            $(#[doc = $help])+
            pub static $metric: $crate::__metric_type!($kind, $($label)*) = <$crate::__metric_type!($kind, $($label)*)>::new({
                static ROW: $crate::metric::Row = $crate::metric::Row {
                    name: $name,
                    kind: $crate::__metric_kind!($kind),
                    help: concat!($($help),+).trim_ascii(),
                    labels: &[$($crate::metric::Label { name: stringify!($label), values: $values }),*],
                    buckets: $crate::__metric_buckets!($($buckets)?),
                    cap: $crate::__metric_cap!($($cap)?),
                };
                &ROW
            });
        )+
        /// Every metric declared here.
        pub static ROWS: &[&$crate::metric::Row] = &[$($metric.row),+];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_type {
    (counter, $($label:ident)*) => { $crate::metric::Counter<{ $crate::__count!($($label)*) }> };
    (histogram, $($label:ident)*) => { $crate::metric::Histogram<{ $crate::__count!($($label)*) }> };
    ($gauge:ident, $($label:ident)*) => { $crate::metric::Gauge<{ $crate::__count!($($label)*) }> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_kind {
    (counter) => {
        $crate::metric::Kind::Counter
    };
    (float_counter) => {
        $crate::metric::Kind::FloatCounter
    };
    (gauge) => {
        $crate::metric::Kind::Gauge
    };
    (reading) => {
        $crate::metric::Kind::Reading
    };
    (histogram) => {
        $crate::metric::Kind::Histogram
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_buckets {
    () => {
        &[]
    };
    ($buckets:expr) => {
        $buckets
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_cap {
    () => {
        $crate::metric::SERIES_CAP
    };
    ($cap:tt) => {
        $cap
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __count {
    ($($label:ident)*) => { <[&str]>::len(&[$(stringify!($label)),*]) };
}
