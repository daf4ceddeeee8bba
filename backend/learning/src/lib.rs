//! Tables in, models out: CSV profiling, training steps, and prediction, with no server in sight.
//!
//! - [`profile`]: is a file a table, and what is in it, found while it streams past;
//! - [`algorithm`], [`params`]: what a run may be given;
//! - [`worker`]: the training child, which reads a [`protocol::ChildSpec`] and writes [`protocol::Message`] lines;
//! - [`outcome`]: what became of such a child;
//! - [`driver`]: the same run without a child around it;
//! - [`model`]: a trained model, its file, and predicting with it.
//!
//! Nothing here listens, logs or measures: the caller does.

pub mod algorithm;
pub mod cell;
pub mod driver;
pub mod error;
mod limits;
pub mod model;
pub mod outcome;
pub mod params;
pub mod profile;
pub mod protocol;
mod scores;
mod split;
mod steps;
mod table;
pub mod worker;
