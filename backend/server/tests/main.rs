//! The tests of the whole program, one binary for all: `cargo test --test server api::training::` runs a part.
//!
//! `api` speaks to the real binary, `contracts` holds files to each other, `compose` and `stack` drive the distribution as its
//! users start it (ignored here, `./run.sh test` runs them).

#![allow(clippy::unwrap_used)] // Tests throughout, helpers included.

mod api;
mod compose;
mod contracts;
mod stack;
