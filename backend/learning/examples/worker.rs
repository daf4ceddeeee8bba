//! The training child on its own: `worker <spec.json>`, with standard input held open by whoever starts it.
//!
//! A server has the same call behind a subcommand; the tests of this crate start this program.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(spec) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: worker <spec.json>");
        return ExitCode::FAILURE;
    };
    belfry_learning::worker::main(&spec)
}
