//! Running the program: start, stop, settings, metrics, logs, backup, restore, demo.

mod backup;
mod check;
mod demo;
mod loki;
mod metrics;
mod private_files;
mod restore;
mod start;
mod stop;
mod switches;
