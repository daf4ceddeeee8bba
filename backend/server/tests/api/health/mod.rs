//! The health routes, the checks behind them, and alerts.

mod alerts;
mod dependencies;
mod memory_limits;
mod routes;
mod webhook;
