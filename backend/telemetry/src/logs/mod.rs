//! Where log events go: the console, files and Loki when switched on, and two counters. `database.rs` turns sqlx's own events into metrics.

mod count;
mod file;
mod loki;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

pub(crate) use file::LogFiles;
pub use file::date_of;
pub use loki::{LokiSettings, Shipping};

use crate::Identity;
use crate::database::QueryMetrics;
use crate::settings::SettingsError;
use crate::traces::Traces;

/// The shape of a console line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Logs to the console and to files.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// Least level that is logged: error, warn, info, debug or trace; also per target, as in `info,belfry=debug`.
    #[arg(id = "LOG__LEVEL", default_value = "info", value_parser = filter)]
    pub level: String,
    /// `pretty` for people, `json` for machines.
    #[arg(id = "LOG__FORMAT", default_value = "pretty")]
    pub format: Format,
    /// Folder for log files, one a day, as JSON lines; unset: none are written.
    #[arg(id = "LOG__DIR")]
    pub dir: Option<PathBuf>,
}

/// Starts logging for the whole process. Needs a Tokio runtime when Loki is on.
pub(crate) fn start(
    identity: &Identity,
    settings: &LogSettings,
    loki: &LokiSettings,
    traces: Option<&Traces>,
) -> Result<(Shipping, Option<LogFiles>), SettingsError> {
    let (loki, shipping) = match loki.enabled {
        true => {
            loki.connect(identity.service, &identity.environment).map(|(layer, shipping)| (Some(layer), shipping))?
        }
        false => (None, Shipping::off()),
    };
    let console = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let console = match settings.format {
        Format::Pretty => console.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => console.json().flatten_event(true).boxed(),
    };
    let opened = settings.dir.as_ref().map(|folder| LogFiles::open(folder, identity.service)).transpose()?;
    let (writer, files) = opened.unzip();
    // What LOG__LEVEL hides is neither printed, nor shipped, nor counted.
    let visible = console
        .and_then(loki)
        .and_then(writer.map(file::layer))
        .and_then(count::CountEvents)
        .with_filter(env_filter(&settings.level));
    let queries = QueryMetrics.with_filter(Targets::new().with_target("sqlx", LevelFilter::TRACE));
    // Spans, not events: those are the logs' affair.
    let spans = traces.map(|traces| {
        let layer =
            tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_location(false).with_threads(false);
        layer.with_filter(filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO))
    });
    Registry::default().with(visible).with(spans).with(queries).init();
    Ok((shipping, files))
}

/// Statements are measured, not logged; and what the HTTP client says of a delivery to Loki would become a line to deliver.
const QUIET: [&str; 5] = ["sqlx", "hyper", "hyper_util", "reqwest", "h2"];

fn env_filter(level: &str) -> EnvFilter {
    // Unless asked for by name.
    let quiet = QUIET.iter().filter(|target| !level.contains(**target)).map(|target| format!("{target}=warn"));
    EnvFilter::builder().parse_lossy(quiet.chain([level.to_owned()]).collect::<Vec<_>>().join(","))
}

fn filter(text: &str) -> Result<String, String> {
    let expected = || "error, warn, info, debug, trace, or directives such as info,belfry=debug".to_owned();
    let valid = text.split(',').all(|directive| {
        let level = directive.rsplit('=').next().unwrap_or_default();
        level.parse::<LevelFilter>().is_ok()
    });
    match EnvFilter::builder().parse(text) {
        Ok(_) if valid => Ok(text.to_owned()),
        _ => Err(expected()),
    }
}
