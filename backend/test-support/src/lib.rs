//! What the tests of Belfry's crates share.
//!
//! A development dependency only; nothing here is part of the program. A failed expectation panics, as in a test.
#![allow(clippy::unwrap_used)] // As in tests.

pub mod layers;
