//! Which rows are refused at the start, and how many series a row may have.

use metrics::{Key, Label, Recorder};

use super::check::check;
use super::fixtures::{METADATA, ORDERS, WAIT};
use super::{HistogramOptions, InstallError, Store};
use crate::metric::{self, Kind, Row, SERIES_CAP, SeriesLookup, Values};

#[test]
fn rows_that_collide_or_cannot_count_are_refused() {
    assert!(matches!(check(&[&ORDERS, &WAIT, &ORDERS]), Err(InstallError::Duplicate("shop_orders_total"))));
    static FLAT: Row =
        Row { name: "flat_seconds", kind: Kind::Histogram, help: "", labels: &[], buckets: &[], cap: SERIES_CAP };
    static FALLING: Row = Row {
        name: "falling_seconds",
        kind: Kind::Histogram,
        help: "",
        labels: &[],
        buckets: &[2.0, 1.0],
        cap: SERIES_CAP,
    };
    for row in [&FLAT, &FALLING] {
        assert!(matches!(check(&[row]), Err(InstallError::NoBuckets(_))));
    }
    // A histogram's lines would be those of another metric.
    static CLASH: Row = Row {
        name: "shop_wait_seconds_count",
        kind: Kind::Gauge,
        help: "",
        labels: &[],
        buckets: &[],
        cap: SERIES_CAP,
    };
    assert!(matches!(check(&[&WAIT, &CLASH]), Err(InstallError::Duplicate("shop_wait_seconds_count"))));
}

#[test]
fn rows_with_illegal_names_or_labels_are_refused() {
    const COUNTER: Row =
        Row { name: "a_total", kind: Kind::Counter, help: "", labels: &[], buckets: &[], cap: SERIES_CAP };
    const fn label(name: &'static str) -> metric::Label {
        metric::Label { name, values: Values::Open }
    }
    let refused = |row: Row| check(&[Box::leak(Box::new(row))]).unwrap_err().to_string();
    assert!(check(&[Box::leak(Box::new(COUNTER))]).is_ok());
    for (name, kind, expected) in [
        ("a-b_total", Kind::Counter, "letters, digits"),
        ("9_total", Kind::Counter, "letters, digits"),
        ("rule:a_total", Kind::Counter, "letters, digits"),
        ("", Kind::Gauge, "letters, digits"),
        ("a", Kind::Counter, "_total at the end"),
        ("a_seconds", Kind::FloatCounter, "_total at the end"),
        ("a_total", Kind::Gauge, "no _total"),
    ] {
        let message = refused(Row { name, kind, ..COUNTER });
        assert!(message.contains(&format!("metric {name}")) && message.contains(expected), "{message}");
    }
    static TWICE: &[metric::Label] = &[label("a"), label("a")];
    static BUCKET: &[metric::Label] = &[label("le")];
    static RESERVED: &[metric::Label] = &[label("__name__")];
    static ILLEGAL: &[metric::Label] = &[label("a-b")];
    for (labels, expected) in
        [(TWICE, "each label once"), (BUCKET, "another name"), (RESERVED, "another name"), (ILLEGAL, "letters, digits")]
    {
        let message = refused(Row { labels, ..COUNTER });
        assert!(message.contains("of metric a_total") && message.contains(expected), "{message}");
    }
}

#[test]
fn past_the_cap_open_labels_overflow_and_closed_ones_stay() {
    static CAPPED: Row = Row {
        name: "capped_total",
        kind: Kind::Counter,
        help: "",
        labels: &[
            metric::Label { name: "shop", values: Values::Open },
            metric::Label { name: "outcome", values: Values::Closed(&["paid", "cancelled"]) },
        ],
        buckets: &[],
        cap: 2,
    };
    let store = Store::new(&[&CAPPED], |_| Vec::new(), HistogramOptions::default());
    let key = |shop: &'static str, outcome: &'static str| {
        Key::from_parts("capped_total", vec![Label::new("shop", shop), Label::new("outcome", outcome)])
    };
    for (shop, outcome) in [("a", "paid"), ("b", "paid"), ("c", "paid"), ("d", "cancelled"), ("a", "paid")] {
        store.register_counter(&key(shop, outcome), &METADATA).increment(1);
    }
    let (_, family) = store.families().remove(0);
    let series: Vec<String> = family.series.read().unwrap().keys().cloned().collect();
    let expected = [("a", "paid"), ("b", "paid"), ("overflow", "cancelled"), ("overflow", "paid")];
    assert_eq!(series, expected.map(|(shop, outcome)| format!(r#"shop="{shop}",outcome="{outcome}""#)));
    assert!(store.has_own_series(&key("a", "paid")) && !store.has_own_series(&key("c", "paid")));
}
