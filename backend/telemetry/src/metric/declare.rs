//! The `catalogue!` macro, which declares metrics.

/// Declares metrics, one row each, and `ROWS`, the list of them.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Open};
///
/// /// How an order ended.
/// #[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantNames)]
/// #[strum(serialize_all = "snake_case")]
/// pub enum Outcome {
///     Paid,
///     Cancelled,
/// }
///
/// catalogue! {
///     /// Orders taken, by how they ended.
///     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Outcome, shop: Open };
///     /// Time to pack an order.
///     histogram PACKING_DURATION_SECONDS = "shop_packing_duration_seconds" {} buckets &[0.1, 1.0, 10.0];
/// }
/// ORDERS_TOTAL.with((Outcome::Paid, "north")).increment(1);
/// PACKING_DURATION_SECONDS.record(0.4);
/// assert_eq!(ROWS.len(), 2);
/// ```
///
/// A row names the type of each label; the [`metric`](crate::metric#labels) module lists what it may be. Kinds: `counter`, `float_counter`, `gauge`, `reading` (a gauge absent until set), `histogram`. A row with open labels may have
/// a cap of its own, before its buckets; otherwise it is [`SERIES_CAP`](crate::metric::SERIES_CAP):
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Open};
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
       { $($label:ident : $($kind_of_label:ident)::+ $(<$words:ty>)? $(($list:expr))?),* $(,)? } $(cap $cap:tt)? $(buckets $buckets:expr)? ;)+) => {
        $(
            $(#[doc = $help])+
            pub static $metric: $crate::__metric_type!($kind, ($($($kind_of_label)::+ $(<$words>)?,)*)) =
                <$crate::__metric_type!($kind, ($($($kind_of_label)::+ $(<$words>)?,)*))>::new({
                static ROW: $crate::metric::Row = $crate::metric::Row {
                    name: $name,
                    kind: $crate::__metric_kind!($kind),
                    help: concat!($($help),+).trim_ascii(),
                    labels: &[$($crate::metric::Label {
                        name: stringify!($label),
                        values: $crate::__label_values!(($($kind_of_label)::+ $(<$words>)?) $($list)?),
                    }),*],
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
    (counter, $labels:ty) => { $crate::metric::Counter<$labels> };
    (histogram, $labels:ty) => { $crate::metric::Histogram<$labels> };
    ($gauge:ident, $labels:ty) => { $crate::metric::Gauge<$labels> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __label_values {
    (($kind:ty)) => {
        <$kind as $crate::metric::ListedKind>::VALUES
    };
    (($kind:ty) $list:expr) => {
        <$kind>::values($list)
    };
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
