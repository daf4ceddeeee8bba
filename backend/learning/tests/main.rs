//! The integration tests of the crate in one program.

#![allow(clippy::unwrap_used)] // Tests throughout, helpers included.

mod child;
mod models;
mod params;
mod profile;
mod profile_reference;
mod support;
mod training;
