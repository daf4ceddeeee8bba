//! The API through its front door: the real binary on a free port, with its own data folder and its own database.
//!
//! `BELFRY_TEST_DATABASE_URL=postgres://...` runs the same tests on PostgreSQL, each server in a database of its own.

#![allow(clippy::unwrap_used)] // Tests throughout, helpers included.

mod alerts;
mod backup;
mod cleanup;
mod clock;
mod datasets;
mod demo;
mod dependencies;
mod faults;
mod health;
mod job_ends;
mod jobs;
mod kills;
mod limits;
mod loki;
mod metrics;
mod mounts;
mod outages;
mod postgres;
mod predict;
mod recovery;
mod restoring;
mod runs;
mod s3;
mod schedule;
mod server;
mod sharing;
mod skipping;
mod start;
mod starting;
mod stop;
mod switches;
mod training;
mod training_errors;
mod upload_clients;
mod upload_errors;
mod upload_sizes;
mod uploads;
mod vanishing;
