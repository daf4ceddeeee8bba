//! Alerts: what is wrong now and what was, whoever found it: this service itself (`components/alerts/`), or Prometheus, by
//! Alertmanager's webhook (`webhook.rs`).

mod canary;
mod listing;
mod notification;
mod received;
mod request_faults;
mod retention;
mod webhook;

pub use listing::list;
pub use request_faults::report_request_faults;
pub use retention::{forget_resolved_before, resolve_unreported_since};
pub use webhook::receive;

/// The source of each alert that Alertmanager told of.
pub const ALERTMANAGER: &str = "alertmanager";
