//! Makes any axum service observable: metrics from one catalogue, logs to the console, to files and to Loki, traces over
//! OTLP, health and scheduled jobs.
//!
//! # A whole service
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use belfry_telemetry::{Telemetry, catalogue, health};
//!
//! /// How an order ended.
//! #[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantNames)]
//! #[strum(serialize_all = "snake_case")]
//! pub enum Outcome {
//!     Paid,
//!     Cancelled,
//! }
//!
//! catalogue! {
//!     /// Orders taken, by how they ended.
//!     counter ORDERS_TOTAL = "shop_orders_total" { outcome: Outcome };
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // Before anything emits, inside a Tokio runtime.
//! let telemetry = Telemetry::from_env("shop", env!("CARGO_PKG_VERSION"), ROWS)?;
//! let order = async || ORDERS_TOTAL.with(Outcome::Paid).increment(1);
//! let router = Router::new().route("/order", get(order)).merge(health::router(health::Checks::default()));
//! // Last, so that requests without a route are seen as well.
//! let router = telemetry.observe(router);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, router).with_graceful_shutdown(belfry_telemetry::shutdown_signal()).await?;
//! // Delivers what is pending, as dropping it does, and returns whether all was delivered.
//! telemetry.shut_down(std::time::Duration::from_secs(3)).await;
//! # Ok(())
//! # }
//! ```
//!
//! `GET /metrics` then shows every request by method, route template and status, with durations, sizes and what is in
//! progress ([`http`]); the process, its Tokio runtime and its machine ([`sample`]); and the service's own rows. All
//! standard metrics are in [`catalogue`](mod@catalogue). A [`jobs::JobRun`] counts and logs a run of any job.
//!
//! [`Telemetry`] is the guard of all that: keep it in `main`. Stop by a graceful shutdown rather than by the default of
//! SIGTERM, which ends a process at once.
//!
//! # A service that is there already
//!
//! - **It has a tracing subscriber**: [`Telemetry::join`] returns the layers to be added to that one. [`Telemetry::start`] over
//!   it is an error, not a panic. A logger of the `log` crate stays.
//! - **It has a `GET /metrics`**: [`Telemetry::observe`] leaves it and warns; serve [`Telemetry::routes`] elsewhere.
//! - **It has a recorder of the `metrics` crate**, such as that of `metrics-exporter-prometheus`: [`Telemetry::join_recorder`]
//!   emits the catalogue to that one, whose page it is then on. It also says what holds there and what does not. The other
//!   ways to start are [`InstallError::Occupied`].
//! - **It wants parts**: [`http::HttpLayer`], [`health::router`] and [`jobs::JobRun`] work without [`Telemetry`], and emit to the
//!   service's own recorder after [`metric::emit_to_installed_recorder`].
//! - **It measures its requests**: leave `observe` out, and take [`Telemetry::routes`] and [`http::identify`] alone.
//! - **It has a database**: [`database`] says what sqlx must report and how the pool is read.
//!
//! # Rules it keeps
//!
//! - A metric is declared once, as a row of a [`catalogue!`], and emitted only through it, with label values of the types that
//!   the row names: a misspelt one does not compile. Closed labels are on the page as 0 from the first scrape; an open label is
//!   bounded by a cap, past which it is `overflow`.
//! - A value that is not known is not on the page: a reading that fails is removed rather than left as it was.
//! - Switched off (`PROMETHEUS__ENABLED=false`) an emit costs one atomic load and there is no page. The service never waits
//!   for Prometheus, Loki or a collector of traces. What cannot be delivered is counted.
//!
//! # Features
//!
//! Default features: `otlp` (spans to a collector, and the W3C trace context), `loki` (log events to Loki) and `statsd` (metrics
//! to a StatsD agent). The settings of a part that is not compiled in are still known, and switching it on is an error that names
//! the feature. `client` is the module `tls`, an HTTP client with one provider of cryptography; `loki` includes it. Everything
//! else is always there: metrics, the HTTP layer, health, jobs, and logs to the console and to files.
//!
//! # Settings
//!
//! Environment variables, `SECTION__KEY`: those of [`TelemetrySettings`]. A service with settings of its own flattens them into
//! its own [`clap::Args`] and calls [`Telemetry::start`]; [`settings`] reads, checks and prints them.

pub mod catalogue;
pub mod client_call;
pub mod database;
mod delivery;
pub mod error_text;
mod exposition;
pub mod health;
pub mod http;
mod identity;
mod install;
pub mod jobs;
pub mod logs;
pub mod metric;
pub mod reference;
mod registry;
pub mod sample;
pub mod settings;
mod shutdown;
#[cfg(feature = "statsd")]
pub mod statsd;
#[cfg(not(feature = "statsd"))]
#[path = "statsd/off.rs"]
pub mod statsd;
mod telemetry_settings;
pub mod testing;
#[cfg(feature = "client")]
pub mod tls;
#[cfg(feature = "otlp")]
pub mod traces;
#[cfg(not(feature = "otlp"))]
#[path = "traces/off.rs"]
pub mod traces;

pub use exposition::PrometheusSettings;
pub use identity::Identity;
pub use install::Telemetry;
pub use registry::InstallError;
pub use shutdown::{Signals, shutdown_signal};
pub use telemetry_settings::{StartError, TelemetrySettings};
