//! Observable events: one struct each, with an `emit(self)` that moves its metrics and writes its log line.
//! Handlers hold no metric names.

pub mod cleanup;
#[cfg(test)]
mod tests;
pub mod training;
pub mod upload;
