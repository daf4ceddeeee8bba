//! Datasets: uploaded, refused, read back, deleted.

mod clients;
mod refusals;
mod sizes;
mod stored;
