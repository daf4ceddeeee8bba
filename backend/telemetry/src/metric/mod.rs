//! How a metric is declared and emitted: its row, its labels, and the three metric types.
//!
//! A metric can only be emitted through its row, so its name and labels are checked in one place. The metrics are
//! declared in [`catalogue`](mod@crate::catalogue) (standard) and in each service's own catalogue, with their caps. Values are
//! stored in `registry/`.
//!
//! # Labels
//!
//! A row names a type for each label, and an emit takes values of those types, so that a misspelt value, or two in the wrong
//! order, do not compile:
//!
//! - an enum with strum's derives, for values that the program names. They are declared once, and the catalogue takes its
//!   list from the type.
//! - [`Open`], for any text; the metric's series cap bounds it.
//! - [`OneOf`], for text from outside of which a few words count; anything else is `other`.
//! - [`Status`], for an HTTP status.
//!
//! ```
//! use belfry_telemetry::catalogue;
//! use belfry_telemetry::metric::Open;
//! use strum::VariantNames;
//!
//! /// How an order ended.
//! #[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantNames)]
//! #[strum(serialize_all = "snake_case")]
//! pub enum Outcome {
//!     Paid,
//!     SentBack,
//! }
//!
//! catalogue! {
//!     /// Orders that ended.
//!     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Outcome, shop: Open };
//! }
//! ORDERS_TOTAL.with((Outcome::SentBack, "north")).increment(1);
//! assert_eq!(Outcome::VARIANTS, ["paid", "sent_back"]);
//! ```
//!
//! With text in place of the enum it does not compile, whether misspelt or not:
//!
//! ```compile_fail,E0277
//! # use belfry_telemetry::catalogue;
//! # use belfry_telemetry::metric::Open;
//! # #[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantNames)]
//! # #[strum(serialize_all = "snake_case")]
//! # pub enum Outcome {
//! #     Paid,
//! #     SentBack,
//! # }
//! # catalogue! {
//! #     /// Orders that ended.
//! #     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Outcome, shop: Open };
//! # }
//! ORDERS_TOTAL.with(("sent_bakc", "north")).increment(1);
//! ```
//!
//! Nor does a misspelt variant:
//!
//! ```compile_fail,E0599
//! # use belfry_telemetry::catalogue;
//! # use belfry_telemetry::metric::Open;
//! # #[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantNames)]
//! # #[strum(serialize_all = "snake_case")]
//! # pub enum Outcome {
//! #     Paid,
//! #     SentBack,
//! # }
//! # catalogue! {
//! #     /// Orders that ended.
//! #     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Outcome, shop: Open };
//! # }
//! ORDERS_TOTAL.with((Outcome::SentBakc, "north")).increment(1);
//! ```

mod declare;
mod label;
mod series;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use metrics::{Key, KeyName, Label as KeyLabel, SharedString};

pub use label::{HttpStatus, LabelKind, Labels, ListedKind, NoWords, OneOf, Open, Status, ValueOf, ValuesOf};
pub use series::{Counter, Gauge, Histogram, InProgress, Metric};
pub(crate) use series::{METADATA, record_gauges};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0.
    Counter,
    /// Only grows and has fractions, such as CPU seconds. It is set from a reading; the page types it as a counter.
    FloatCounter,
    /// Goes up and down; starts at 0.
    Gauge,
    /// A gauge that is absent until it is first set, because 0 would be wrong (a timestamp, a last score), and absent again
    /// once it is forgotten, because the last value would be wrong too.
    Reading,
    /// A distribution over fixed buckets.
    Histogram,
}

/// Which values a label may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Only these; anything else is counted as `other`.
    Closed(&'static [&'static str]),
    /// Not known in advance; bounded by the metric's series cap.
    Open,
    /// An HTTP status, exact (`404`) or as a class (`4xx`), or one of these words; anything else is counted as `other`. Too
    /// many to be there as 0 from the start, and too telling to be counted in `overflow`.
    Status(&'static [&'static str]),
}

/// One label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The label's name as Prometheus shows it.
    pub name: &'static str,
    /// The values it may take.
    pub values: Values,
}

/// The description of one metric: everything that is known of it before it is first emitted.
#[derive(Debug)]
pub struct Row {
    /// Full name, with unit suffix.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The help text.
    pub help: &'static str,
    /// Label names and their values, in order of emission.
    pub labels: &'static [Label],
    /// Upper bounds of a histogram's buckets, in the unit of the name; empty for other kinds.
    pub buckets: &'static [f64],
    /// The most series it may have when a label is open; in further label sets the open labels are `overflow`.
    pub cap: usize,
}

/// The cap of a row without `cap N`, and of each metric outside the catalogues.
pub const SERIES_CAP: usize = 1_000;

/// Stands for every value of a [`OneOf`] that is not in the row's list.
pub const OTHER: &str = "other";

/// The value of open labels in the series that counts emits past the cap.
pub const OVERFLOW: &str = "overflow";

/// Where emits go.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mode {
    /// Nowhere: no recorder is installed, and an emit costs one atomic load.
    Off,
    /// To the installed registry, or the service's own recorder, through cached handles.
    Cached,
    /// To whichever recorder the thread has, looked up each time: for tests.
    Local,
}

static MODE: AtomicU8 = AtomicU8::new(Mode::Off as u8);

fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        off if off == Mode::Off as u8 => Mode::Off,
        cached if cached == Mode::Cached as u8 => Mode::Cached,
        _ => Mode::Local,
    }
}

/// The registry, as far as a metric must know it.
pub(crate) trait SeriesLookup: Sync {
    /// Whether this key has a series of its own, rather than the one for what came past the cap.
    fn has_own_series(&self, key: &Key) -> bool;
}

// Unset until a registry is installed, and for good where the service has a recorder of its own.
static REGISTRY: OnceLock<&'static dyn SeriesLookup> = OnceLock::new();

/// Emits go to the installed registry and its handles are cached. None may have been cached before.
pub(crate) fn switch_on(registry: &'static dyn SeriesLookup) {
    // There is one recorder in a process, so this is set once.
    let _ = REGISTRY.set(registry);
    MODE.store(Mode::Cached as u8, Ordering::Release);
}

/// Lets what this crate and the catalogues emit reach the recorder that the service has installed, in a service that takes
/// only parts of this crate and starts no [`Telemetry`](crate::Telemetry). The rows give that recorder their help texts, and
/// each series that is known in advance.
///
/// Call it once, after the recorder is installed and before anything is emitted: handles are cached. Caps hold as they do
/// with [`Telemetry`](crate::Telemetry). Buckets are the recorder's own; give it those of [`Row::buckets`]. A reading that is
/// forgotten is NaN.
///
/// ```
/// use belfry_telemetry::{catalogue, http, metric};
///
/// // Here the service installs its recorder, then:
/// metric::emit_to_installed_recorder(catalogue::ROWS);
/// let router: axum::Router = axum::Router::new().layer(http::HttpLayer::new(http::HttpOptions::default()));
/// # drop(router);
/// ```
pub fn emit_to_installed_recorder(rows: &[&'static Row]) {
    rows.iter().for_each(|row| row.describe());
    rows.iter().for_each(|row| row.register_known_series());
    MODE.store(Mode::Cached as u8, Ordering::Release);
}

/// For tests that install a recorder for one thread: no handle is cached between emits.
pub(crate) fn switch_to_local_recorders() {
    MODE.store(Mode::Local as u8, Ordering::Release);
}

/// Whether emits reach a recorder.
pub fn is_on() -> bool {
    mode() != Mode::Off
}

impl Row {
    /// Replaces each value that its label's list does not hold by `other`.
    fn replace_unlisted(&self, values: &mut [&str]) {
        for (label, value) in self.labels.iter().zip(values) {
            if let Values::Closed(list) = label.values
                && !list.contains(value)
            {
                *value = OTHER;
            }
        }
    }

    /// The value of label `position` past the cap: bounded values stay, so that errors remain distinguishable.
    pub(crate) fn overflow_value<'v>(&self, position: usize, value: &'v str) -> &'v str {
        if self.labels[position].values == Values::Open { OVERFLOW } else { value }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.values == Values::Open)
    }

    /// Whether every value of every label is known.
    fn is_closed(&self) -> bool {
        self.labels.iter().all(|label| matches!(label.values, Values::Closed(_)))
    }

    /// Whether a series of it may be taken off the page again.
    pub(crate) fn may_be_absent(&self) -> bool {
        matches!(self.kind, Kind::Reading | Kind::FloatCounter)
    }

    fn key(&self, values: impl IntoIterator<Item = SharedString>) -> Key {
        let labels = self.labels.iter().zip(values).map(|(label, value)| KeyLabel::new(label.name, value));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    /// Whether its series are on the page before they are first emitted.
    pub(crate) fn is_seeded(&self) -> bool {
        !self.may_be_absent() && self.is_closed()
    }

    /// Gives the recorder the help text; without a unit, which the names have already and which some recorders would append.
    fn describe(&self) {
        let (name, help) = (KeyName::from_const_str(self.name), SharedString::const_str(self.help));
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge | Kind::Reading | Kind::FloatCounter => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        });
    }

    /// Registers each series this row is known to have, so that it is on the page from the first scrape.
    pub(crate) fn register_known_series(&self) {
        if !self.is_seeded() {
            return;
        }
        for values in self.label_sets() {
            let key = self.key(values.into_iter().map(SharedString::const_str));
            metrics::with_recorder(|recorder| match self.kind {
                Kind::Counter => recorder.register_counter(&key, &METADATA).increment(0),
                Kind::Histogram => drop(recorder.register_histogram(&key, &METADATA)),
                Kind::Gauge | Kind::Reading | Kind::FloatCounter => recorder.register_gauge(&key, &METADATA).set(0.0),
            });
        }
    }

    /// Every combination of the closed label values.
    fn label_sets(&self) -> Vec<Vec<&'static str>> {
        let mut sets = vec![Vec::new()];
        for label in self.labels {
            let Values::Closed(values) = label.values else { return Vec::new() };
            sets = sets
                .iter()
                .flat_map(|set| values.iter().map(|value| set.iter().copied().chain([*value]).collect()))
                .collect();
        }
        sets
    }
}
