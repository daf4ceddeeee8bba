//! Observable events: one struct each, with an `emit(self)` that moves its metrics and writes its log line. An event that
//! lasts is a guard: its end is an explicit call, and dropped before that it counts as `cancelled`.
//!
//! Every log line that goes with a metric is here, and handlers hold no metric names. Two exceptions are in lower
//! layers: `error.rs` counts the errors it answers, and the job monitor of `belfry_telemetry` counts runs of jobs. A
//! line without a metric is written where it happens.

pub mod ai_call;
pub mod ai_ledger;
pub mod alert;
pub mod auth;
pub mod backup;
pub mod billing;
pub mod cleanup;
pub mod connection;
pub mod jobs;
pub mod run_totals;
pub mod telegram;
#[cfg(test)]
mod tests;
pub mod training;
pub mod upload;
pub mod viewer;
