//! Rows of a catalogue for the unit tests of the registry and of its exposition.

use metrics::{Level, Metadata};

use crate::metric::{Kind, Label, Row, SERIES_CAP, Values};

pub(crate) static METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

pub(crate) static ORDERS: Row = Row {
    name: "shop_orders_total",
    kind: Kind::Counter,
    help: "Orders, \\ and\nmore.",
    labels: &[Label { name: "outcome", values: Values::Open }],
    buckets: &[],
    cap: SERIES_CAP,
};
pub(crate) static WAIT: Row = Row {
    name: "shop_wait_seconds",
    kind: Kind::Histogram,
    help: "Waits.",
    labels: &[],
    buckets: &[0.5, 2.0],
    cap: SERIES_CAP,
};
