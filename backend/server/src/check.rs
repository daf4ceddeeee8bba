//! `belfry check`: whether a server would take the settings, found out without starting one.
//!
//! The environment is not checked: whether a host answers, a port is free or a folder can be written.

use std::process::ExitCode;

use belfry_telemetry::settings::{self, SettingsError};

use crate::ai;
use crate::config::Config;
use crate::storage;

/// The exit code for settings that a server would refuse.
const REFUSED: u8 = 2;

/// What can be printed of settings that are valid, for scripts.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Print {
    /// Whole seconds that a shutdown may take: SERVER__DRAIN and SERVER__SHUTDOWN_GRACE together.
    ShutdownSeconds,
}

/// Prints one line for each fault; if there is none, that, or what was asked for.
pub fn run(print: Option<Print>) -> ExitCode {
    let faults = match checked() {
        Ok(config) => {
            match print {
                None => println!("settings are valid"),
                Some(Print::ShutdownSeconds) => println!("{}", config.server.shutdown_seconds()),
            }
            return ExitCode::SUCCESS;
        }
        Err(faults) => faults,
    };
    for fault in faults {
        eprintln!("belfry: {fault}");
    }
    ExitCode::from(REFUSED)
}

/// The settings, or what is wrong with each variable by itself; if nothing is, every contradiction between them.
fn checked() -> Result<Config, Vec<String>> {
    let texts = |faults: Vec<SettingsError>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut variables = settings::environment::<Config>().map_err(|fault| texts(vec![fault]))?;
    let mut faults = Config::misspelt_in_env();
    let mut reader = settings::reader::<Config>();
    // Reading stops at the first fault, so it is read again without that variable.
    let config = loop {
        let fault = match reader.read(variables.clone()) {
            Ok(config) => break config,
            Err(fault) => fault,
        };
        let before = variables.len();
        variables.retain(|(name, _)| *name != fault.variable && name.strip_suffix("_FILE") != Some(&fault.variable));
        faults.push(fault);
        if variables.len() == before {
            return Err(texts(faults));
        }
    };
    if faults.is_empty() {
        faults = config.contradictions();
    }
    if !faults.is_empty() {
        return Err(texts(faults));
    }
    ai::prices::load(&config.ai).map_err(|fault| vec![fault.to_string()])?;
    storage::check(&config).map_err(|fault| vec![format!("{fault:#}")])?;
    Ok(config)
}
