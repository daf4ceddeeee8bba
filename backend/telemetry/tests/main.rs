//! The integration tests of the crate in one program: each starts an example as a process of its own and talks HTTP to it.
//!
//! `bounds`, `parts`, `readings` and `statsd` are programs of their own, because each installs a recorder in its own process, and a
//! process can have only one.

mod exemplars;
mod graph;
mod instructions;
mod joining;
mod layers;
mod lines;
mod loki;
mod losses;
mod minimal;
mod native;
mod nested;
mod service;
mod shapes;
mod traces;
