//! Training runs: from their submission to their model and its predictions, and what becomes of them when something dies.

mod failures;
mod followers;
mod predictions;
mod processes;
mod recovery;
mod runs;
mod sharing;
