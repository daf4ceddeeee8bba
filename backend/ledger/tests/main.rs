//! The integration tests of the crate in one program.

#![allow(clippy::unwrap_used)] // Tests throughout, helpers included.

mod corpus;
mod import;
mod price_file;
mod pricing;
mod properties;
