//! Observable events: one struct each, with an `emit(self)` that moves its metrics and writes its log line.
//! Handlers hold no metric names.

pub mod alert;
pub mod backup;
pub mod cleanup;
pub mod jobs;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod training;
pub mod upload;
