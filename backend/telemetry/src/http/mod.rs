//! The tower layer that measures each request, from its head to the end of its response.
//!
//! Add it with `Router::layer`, so that unmatched requests are seen too; a route is named by its template, never by its path.
//! A nested service, as static files are, is one route, such as `/static/{*path}`.
//!
//! An event stream is in progress until its client leaves. A connection that changes to another protocol, such as
//! WebSocket, is not: its request ended with the 101, and neither its bytes nor its duration are those of a response. A
//! service that wants to count such connections needs a gauge of its own.
//!
//! [`Telemetry::observe`](crate::Telemetry::observe) adds everything here to a router.

mod body;
mod identity;
mod layer;
mod options;
mod panics;
mod request_guard;
mod request_id;
mod route;
mod route_series;

pub use identity::current_request_id;
pub(crate) use identity::{Fields, RequestIdentity};
pub use layer::{HttpLayer, identify};
pub use options::{Buckets, HttpOptions, Mask};
pub use panics::catch_panics;

/// The route label of a request that matched no route.
///
/// ```
/// use belfry_telemetry::http::UNMATCHED;
///
/// let promql = format!("rate(http_requests_total{{endpoint=\"{UNMATCHED}\"}}[5m])");
/// assert_eq!(promql, r#"rate(http_requests_total{endpoint="unmatched"}[5m])"#);
/// ```
pub const UNMATCHED: &str = "unmatched";
