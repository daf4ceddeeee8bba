//! What the tests of Belfry's crates share: waiting for a condition, free ports, and receivers for what a program sends.
//!
//! A development dependency only; nothing here is part of the program. A failed expectation panics, as in a test.
#![allow(clippy::unwrap_used)] // As in tests.

pub mod ai_provider;
mod eventually;
pub mod layers;
pub mod loki;
pub mod otlp;
pub mod ports;
pub mod recorder;
pub mod s3;
pub mod smtp;
pub mod statsd;
pub mod stub;
pub mod telegram;

pub use eventually::{Answer, PATIENCE, eventually, eventually_blocking};
