//! What the page shows of good and bad emits, with a store for each test.

mod formats;
mod quantiles;
mod sharing;

use metrics::{Key, Label, Recorder};

use super::negotiation::Format;
use super::rendering::Rendering;
use crate::metric::{Kind, Row, SERIES_CAP};
use crate::registry::fixtures::{METADATA, ORDERS, WAIT};
use crate::registry::{FOREIGN_METRICS_CAP, HistogramOptions, Store};

static QUEUE: Row =
    Row { name: "shop_queue", kind: Kind::Reading, help: "Waiting.", labels: &[], buckets: &[], cap: SERIES_CAP };
static CPU: Row = Row {
    name: "shop_cpu_seconds_total",
    kind: Kind::FloatCounter,
    help: "CPU.",
    labels: &[],
    buckets: &[],
    cap: SERIES_CAP,
};

fn store() -> Store {
    Store::new(&[&ORDERS, &WAIT, &QUEUE, &CPU], |row| row.buckets.to_vec(), HistogramOptions::default())
}

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    Key::from_parts(name, labels.iter().map(|(name, value)| Label::new(*name, *value)).collect::<Vec<_>>())
}

fn page(store: &Store) -> String {
    written(store, Format::Text)
}

fn written(store: &Store, format: Format) -> String {
    let mut rendering = Rendering::begin(store, format);
    let mut page = Vec::new();
    while !rendering.is_finished() {
        page.extend(rendering.next_chunk());
    }
    String::from_utf8(page).unwrap()
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
fn what_is_no_finite_number_does_not_spoil_a_histogram() {
    let store = store();
    let wait = store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        wait.record(value);
    }
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
fn labels_that_are_absent_are_not_written() {
    let store = store();
    store.register_counter(&key("shop_orders_total", &[("outcome", "")]), &METADATA).increment(2);
    assert!(page(&store).ends_with("\nshop_orders_total 2\n"), "{}", page(&store));
}

#[test]
fn two_names_that_are_one_on_the_page_are_not_one_metric() {
    let store = store();
    store.register_counter(&key("other.requests", &[]), &METADATA).increment(1);
    store.register_counter(&key("other_requests", &[]), &METADATA).increment(20);
    store.register_counter(&key("shop.orders.total", &[("outcome", "paid")]), &METADATA).increment(20);
    assert_eq!(page(&store), "# TYPE other_requests counter\nother_requests 1\n");
}

#[test]
fn no_metric_has_the_name_of_a_line_of_a_histogram() {
    let store = store();
    store.register_counter(&key("shop_wait_seconds_count", &[]), &METADATA).increment(20);
    store.register_histogram(&key("other_wait", &[]), &METADATA).record(1.0);
    store.register_gauge(&key("other_wait_sum", &[]), &METADATA).set(20.0);
    // The other way round.
    store.register_counter(&key("late_bucket", &[]), &METADATA).increment(1);
    store.register_histogram(&key("late", &[]), &METADATA).record(20.0);
    let page = page(&store);
    let families: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(families, ["late_bucket counter", "other_wait histogram"]);
    assert!(!page.contains("20"), "{page}");
}

#[test]
fn labels_that_would_spoil_the_whole_page_are_refused() {
    let store = store();
    for labels in [&[("a-b", "1"), ("a_b", "2")], &[("a", "1"), ("a", "1")], &[("le", "1"), ("a", "1")]] {
        store.register_counter(&key("other_requests", labels), &METADATA).increment(1);
    }
    store.register_counter(&key("other_requests", &[("__name__", "x")]), &METADATA).increment(1);
    assert_eq!(page(&store), "");
}

#[test]
fn the_number_of_metrics_without_a_catalogue_is_bounded() {
    let store = store();
    for metric in 0..2 * FOREIGN_METRICS_CAP {
        store.register_counter(&Key::from_name(format!("other_{metric}")), &METADATA).increment(1);
    }
    assert_eq!(page(&store).matches("# TYPE").count(), FOREIGN_METRICS_CAP);
    // The catalogue's own are there whatever others do.
    store.register_histogram(&key("shop_wait_seconds", &[]), &METADATA).record(1.0);
    assert!(page(&store).contains("shop_wait_seconds_count 1\n"));
}
