//! Scheduled jobs: when they run, how they end, what is on record, and what each of them does.

mod ends;
mod history;
mod schedule;
mod ttl_cleanup;
