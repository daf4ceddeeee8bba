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
mod handle;
mod in_progress;
mod label;
mod row;
mod series;
mod status;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use metrics::Key;

pub(crate) use handle::record_gauges;
pub use in_progress::InProgress;
pub use label::{LabelKind, Labels, ListedKind, OneOf, Open, ValueOf, ValuesOf};
pub use row::{Kind, Label, OTHER, OVERFLOW, Row, SERIES_CAP, Values};
pub use series::{Counter, Gauge, Histogram, Metric};
pub use status::{HttpStatus, NoWords, Status};

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
///
/// ```standalone_crate
/// use belfry_telemetry::metric;
///
/// // What only metrics need is not computed without them; nothing is installed here.
/// assert!(!metric::is_on());
/// ```
pub fn is_on() -> bool {
    mode() != Mode::Off
}
