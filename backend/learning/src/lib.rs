//! Tables in, models out: CSV profiling, training steps, and prediction, independent of the server.
//!
//! - [`profile`]: profiles CSV as a stream: whether it is a table, and what is in its columns;
//! - [`algorithm`], [`params`]: the algorithms, tasks and parameters of a run;
//! - [`worker`]: the training child, which reads a [`protocol::ChildSpec`] and writes [`protocol::Message`] lines;
//! - [`outcome`]: how such a child ended;
//! - [`driver`]: the same run without a child around it;
//! - [`model`]: a trained model, its file, and predicting with it;
//! - [`excerpt`]: texts of clients, cut for messages.
//!
//! Nothing here listens, logs or measures: the caller does.

pub mod algorithm;
pub mod cell;
pub mod driver;
pub mod error;
pub mod excerpt;
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
