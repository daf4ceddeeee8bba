//! `belfry check`: whether a server would take the settings, found out without starting one.
//!
//! The environment is not checked: whether a host answers, a port is free or a folder can be written.

use std::process::ExitCode;

use belfry_telemetry::settings;

use crate::config::Config;
use crate::storage;

/// The exit code for settings that a server would refuse.
const REFUSED: u8 = 2;

/// Prints one line for each fault.
pub fn run() -> ExitCode {
    let faults = faults();
    if faults.is_empty() {
        println!("settings are valid");
        return ExitCode::SUCCESS;
    }
    for fault in faults {
        eprintln!("belfry: {fault}");
    }
    ExitCode::from(REFUSED)
}

/// What is wrong with each variable by itself; if nothing is, the first contradiction between them.
fn faults() -> Vec<String> {
    let mut variables = match settings::environment::<Config>() {
        Ok(variables) => variables,
        Err(fault) => return vec![fault.to_string()],
    };
    let given = variables.clone();
    let mut faults = Vec::new();
    // Reading stops at the first fault, so it is read again without that variable.
    while let Err(fault) = settings::read::<Config>(variables.clone()) {
        let before = variables.len();
        variables.retain(|(name, _)| *name != fault.variable && name.strip_suffix("_FILE") != Some(&fault.variable));
        faults.push(fault.to_string());
        if variables.len() == before {
            break;
        }
    }
    if faults.is_empty() {
        let config = Config::read(given).map_err(|fault| fault.to_string());
        let checked = config.and_then(|config| storage::check(&config).map_err(|fault| format!("{fault:#}")));
        faults.extend(checked.err());
    }
    faults
}
