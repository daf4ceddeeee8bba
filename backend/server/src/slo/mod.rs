//! `belfry slo`: rules and rule tests of the service level objectives, written from the one file that names them. Needs no
//! server and no settings.

mod checks;
mod objectives;
mod rule_tests;
mod rules;
mod tiers;
mod yaml;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use self::objectives::Objectives;

/// What can be done with service level objectives.
#[derive(Subcommand)]
pub enum SloCommand {
    /// Validate the objectives; write the rules for Prometheus and their tests.
    Rules(Files),
    /// Validate the objectives, and whether the rules and their tests are those of the objectives.
    Check(Files),
}

/// The files that the command reads and writes.
#[derive(Args)]
pub struct Files {
    /// The file of the objectives.
    #[arg(long, default_value = "infra/monitoring/slo/objectives.yml")]
    objectives: PathBuf,
    /// The folder of Prometheus's configuration, with rules/ and tests/ in it.
    #[arg(long, default_value = "infra/monitoring/prometheus")]
    prometheus: PathBuf,
}

/// Runs the command; each fault of the objectives is a line that says what was found and what is expected.
pub fn run(command: SloCommand) -> anyhow::Result<()> {
    match command {
        SloCommand::Rules(files) => {
            for (path, text) in generated(&files)? {
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
                println!("{}", path.display());
            }
        }
        SloCommand::Check(files) => {
            for (path, text) in generated(&files)? {
                let found = std::fs::read_to_string(&path);
                if found.with_context(|| format!("cannot read {}", path.display()))? != text {
                    bail!("{} is not what the objectives say; run `belfry slo rules`", path.display());
                }
            }
            println!("objectives are valid, and the rules are theirs");
        }
    }
    Ok(())
}

/// The files that follow from the objectives, with their texts.
fn generated(files: &Files) -> anyhow::Result<[(PathBuf, String); 3]> {
    let objectives = read(&files.objectives)?;
    let tests = files.prometheus.join("tests");
    Ok([
        (files.prometheus.join("rules/slo.yml"), rules::text(&objectives)),
        (tests.join("slo_pages_test.yml"), rule_tests::pages(&objectives)),
        (tests.join("slo_alerts_test.yml"), rule_tests::alerts(&objectives)),
    ])
}

/// The objectives of a file, all found to be right.
fn read(file: &Path) -> anyhow::Result<Objectives> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let objectives: Objectives =
        yaml_serde::from_str(&text).with_context(|| format!("{} is not a file of objectives", file.display()))?;
    let faults = checks::faults(&objectives);
    if !faults.is_empty() {
        bail!("{}:\n{}", file.display(), faults.join("\n"));
    }
    Ok(objectives)
}

#[cfg(test)]
mod tests;
