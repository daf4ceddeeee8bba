//! The API through its front door: the real binary on a free port, with its own data folder and its own database.
//!
//! `BELFRY_TEST_DATABASE_URL=postgres://...` runs the same tests on PostgreSQL, each server in a database of its own.

mod ai;
mod ai_ledger;
mod billing;
mod datasets;
mod faults;
mod health;
mod jobs;
mod operations;
pub(crate) mod support;
mod telegram;
mod training;
mod users;
mod viewer;
