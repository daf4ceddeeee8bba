//! The price file: the one that comes with the program, or `AI__PRICES_FILE`; and `belfry ai prices`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use belfry_ledger::import::import_litellm;
use belfry_ledger::{Prices, Query, Usage};
use belfry_telemetry::settings::{SettingsError, shown_value};
use clap::Subcommand;

use crate::config::{AiConfig, Config};

/// The largest price file. Those of all models that there are have less than a tenth of it.
const MAX_BYTES: u64 = 32 << 20;

/// The tokens for which prices are shown. Prices that grow with the prompt are shown as for so long a one.
const MILLION: u64 = 1_000_000;

/// What can be done about calls to the AI provider.
#[derive(Subcommand)]
pub enum AiCommand {
    /// Prices of models.
    Prices {
        #[command(subcommand)]
        command: PricesCommand,
    },
}

/// What can be done with price files.
#[derive(Subcommand)]
pub enum PricesCommand {
    /// Convert LiteLLM's model_prices_and_context_window.json to a price file, which is printed.
    Import {
        /// The JSON file.
        file: PathBuf,
        /// The first day of the prices, such as 2026-11-01; today (UTC) unless given.
        #[arg(long)]
        effective: Option<String>,
    },
    /// Print what a model costs now, by the settings of this process.
    Show {
        /// The model's name, as in a request.
        model: String,
        /// Who serves it, such as openai.
        #[arg(long)]
        provider: Option<String>,
    },
}

/// Runs the command.
pub fn run(command: AiCommand) -> anyhow::Result<()> {
    let AiCommand::Prices { command } = command;
    match command {
        PricesCommand::Import { file, effective } => {
            let text = read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let today = || jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
            let imported = import_litellm(&text, &effective.unwrap_or_else(today))
                .with_context(|| format!("cannot import {}", file.display()))?;
            for note in &imported.notes {
                eprintln!("{note}");
            }
            eprintln!("{} models", imported.models);
            print!("{}", imported.toml);
        }
        PricesCommand::Show { model, provider } => {
            let prices = load(&Config::from_env()?.ai)?;
            let query =
                Query { model: &model, provider: provider.as_deref(), service_tier: None, at: jiff::Timestamp::now() };
            let pricing = prices.pricing(&query);
            let invoice = pricing.invoice(&Usage::default());
            println!(
                "{model}: {}{}",
                invoice.state.name(),
                invoice.price_id.map(|id| format!(", by {id}")).unwrap_or_default()
            );
            let nothing = Usage::default();
            for (kind, usage) in [
                ("uncached prompt", Usage { uncached_prompt: MILLION, ..nothing }),
                ("cache read", Usage { cache_read: MILLION, ..nothing }),
                ("cache write", Usage { cache_write: MILLION, ..nothing }),
                ("output", Usage { visible_output: MILLION, ..nothing }),
                ("reasoning", Usage { reasoning: MILLION, ..nothing }),
            ] {
                match pricing.cost(&usage) {
                    Some(cost) => println!("  {kind}: ${cost} for a million tokens"),
                    None => println!("  {kind}: no price"),
                }
            }
        }
    }
    Ok(())
}

/// The prices that calls are reserved and charged with.
///
/// # Errors
/// When `AI__PRICES_FILE` cannot be read or is not a price file: one line that names the row.
pub fn load(config: &AiConfig) -> Result<Prices, SettingsError> {
    let Some(path) = &config.prices_file else { return Ok(Prices::bundled()) };
    let place = || shown_value(&path.display().to_string());
    let refused = |found: String, expected: String| SettingsError {
        variable: "AI__PRICES_FILE".to_owned(),
        found: format!("{} ({found})", place()),
        expected,
    };
    let text =
        read(path).map_err(|cause| refused(format!("{cause:#}"), "the path of a readable price file".to_owned()))?;
    Prices::parse(&text).map_err(|fault| refused(format!("{}: {}", fault.place, fault.found), fault.expected))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    anyhow::ensure!(text.len() as u64 <= MAX_BYTES, "more than 32 MiB");
    Ok(text)
}
