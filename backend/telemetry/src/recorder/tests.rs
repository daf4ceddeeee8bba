//! What the page shows of good and bad emits, with a store for each test.

use metrics::{Key, Label, Level, Metadata, Recorder};

use super::store::Store;
use super::{InstallError, check, text};
use crate::metric::{self, Kind, Row, SERIES_CAP, Values};

static METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

static ORDERS: Row = Row {
    name: "shop_orders_total",
    kind: Kind::Counter,
    help: "Orders, \\ and\nmore.",
    labels: &[metric::Label { name: "outcome", values: Values::Open }],
    buckets: &[],
};
static WAIT: Row =
    Row { name: "shop_wait_seconds", kind: Kind::Histogram, help: "Waits.", labels: &[], buckets: &[0.5, 2.0] };
static QUEUE: Row = Row { name: "shop_queue", kind: Kind::Reading, help: "Waiting.", labels: &[], buckets: &[] };
static CPU: Row =
    Row { name: "shop_cpu_seconds_total", kind: Kind::FloatCounter, help: "CPU.", labels: &[], buckets: &[] };

fn store() -> Store {
    Store::new(&[&ORDERS, &WAIT, &QUEUE, &CPU], |row| row.buckets.to_vec())
}

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    Key::from_parts(name, labels.iter().map(|(name, value)| Label::new(*name, *value)).collect::<Vec<_>>())
}

fn page(store: &Store) -> String {
    text::page(store, 0).0
}

#[test]
fn each_kind_is_written_as_its_row_says() {
    let store = store();
    assert_eq!(page(&store), "", "a family without a series is not shown");
    store.register_counter(&key("shop_orders_total", &[("outcome", "a\\b\"c\nd")]), &METADATA).increment(3);
    store.register_gauge(&key("shop_cpu_seconds_total", &[]), &METADATA).set(1.25);
    let wait = store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA);
    for seconds in [0.5, 0.75, 100.0] {
        wait.record(seconds);
    }
    let expected = "# HELP shop_cpu_seconds_total CPU.\n# TYPE shop_cpu_seconds_total counter\n\
        shop_cpu_seconds_total 1.25\n\
        # HELP shop_orders_total Orders, \\\\ and\\nmore.\n# TYPE shop_orders_total counter\n\
        shop_orders_total{outcome=\"a\\\\b\\\"c\\nd\"} 3\n\
        # HELP shop_wait_seconds Waits.\n# TYPE shop_wait_seconds histogram\n\
        shop_wait_seconds_bucket{le=\"0.5\"} 1\nshop_wait_seconds_bucket{le=\"2\"} 2\n\
        shop_wait_seconds_bucket{le=\"+Inf\"} 3\nshop_wait_seconds_sum 101.25\nshop_wait_seconds_count 3\n";
    assert_eq!(page(&store), expected);
}

#[test]
fn a_forgotten_reading_leaves_the_page_and_comes_back() {
    let store = store();
    let queue = store.register_gauge(&key("shop_queue", &[]), &METADATA);
    queue.set(4.0);
    assert!(page(&store).contains("shop_queue 4\n"));
    queue.set(f64::NAN);
    assert_eq!(page(&store), "");
    queue.set(f64::INFINITY);
    assert!(page(&store).contains("shop_queue +Inf\n"));
}

#[test]
fn not_a_number_does_not_spoil_a_histogram() {
    let store = store();
    let wait = store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA);
    wait.record(f64::NAN);
    wait.record_many(1.0, 4);
    assert!(page(&store).contains("shop_wait_seconds_sum 4\nshop_wait_seconds_count 4\n"), "{}", page(&store));
}

#[test]
fn what_is_not_the_metric_of_its_name_is_refused_and_not_shown() {
    let store = store();
    store.register_gauge(&key("shop_orders_total", &[("outcome", "paid")]), &METADATA).set(7.0);
    store.register_counter(&key("shop_orders_total", &[("shop", "north")]), &METADATA).increment(7);
    store.register_counter(&key("shop_wait_seconds", &[]), &METADATA).increment(7);
    assert_eq!(page(&store), "");
    store.register_counter(&key("shop_orders_total", &[("outcome", "paid")]), &METADATA).increment(1);
    assert!(page(&store).ends_with("shop_orders_total{outcome=\"paid\"} 1\n"));
}

#[test]
fn what_no_catalogue_has_is_shown_in_a_legal_form_and_bounded() {
    let store = store();
    store.describe_counter("other.requests".into(), None, "From a library.".into());
    store.register_counter(&key("other.requests", &[("b", "2"), ("a-b", "1")]), &METADATA).increment(1);
    // The same labels in another order are the same series.
    store.register_counter(&key("other.requests", &[("a-b", "1"), ("b", "2")]), &METADATA).increment(1);
    let expected = "# HELP other_requests From a library.\n# TYPE other_requests counter\n\
        other_requests{a_b=\"1\",b=\"2\"} 2\n";
    assert_eq!(page(&store), expected);
    for series in 0..2 * SERIES_CAP {
        let labels = vec![Label::new("id", series.to_string())];
        store.register_gauge(&Key::from_parts("other_level", labels), &METADATA).increment(1.0);
    }
    let page = page(&store);
    assert_eq!(page.matches("other_level{").count(), SERIES_CAP + 1);
    assert!(page.contains(&format!("other_level{{id=\"overflow\"}} {SERIES_CAP}\n")));
}

#[test]
fn rows_that_would_collide_or_cannot_count_are_refused_at_the_start() {
    assert!(matches!(check(&[&ORDERS, &WAIT, &ORDERS]), Err(InstallError::Duplicate("shop_orders_total"))));
    static FLAT: Row = Row { name: "flat_seconds", kind: Kind::Histogram, help: "", labels: &[], buckets: &[] };
    static FALLING: Row =
        Row { name: "falling_seconds", kind: Kind::Histogram, help: "", labels: &[], buckets: &[2.0, 1.0] };
    for row in [&FLAT, &FALLING] {
        assert!(matches!(check(&[row]), Err(InstallError::NoBuckets(_))));
    }
    // A histogram's lines would be those of another metric.
    static CLASH: Row = Row { name: "shop_wait_seconds_count", kind: Kind::Gauge, help: "", labels: &[], buckets: &[] };
    assert!(matches!(check(&[&WAIT, &CLASH]), Err(InstallError::Duplicate("shop_wait_seconds_count"))));
}
