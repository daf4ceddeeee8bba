//! The destinations of log events: the console, files and Loki when switched on, and a counter. `database.rs` turns sqlx's own events
//! into metrics.

mod file;
mod lines;
#[cfg(feature = "loki")]
mod loki;
#[cfg(not(feature = "loki"))]
#[path = "loki/off.rs"]
mod loki;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_log::{AsLog, LogTracer};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

pub(crate) use file::LogFiles;
pub use file::date_of;
use lines::{Lines, Needed};
use loki::LokiLayer;
pub(crate) use loki::Shipping;
pub use loki::{LokiDelivery, LokiSettings};

use crate::database::QueryMetrics;
use crate::identity::Identity;
use crate::settings::SettingsError;
use crate::traces::{self, Traces};

/// The shape of a console line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Logs to the console and to files.
///
/// ```
/// use belfry_telemetry::logs::{Format, LogSettings};
/// use belfry_telemetry::settings;
///
/// let variables = [("LOG__FORMAT", "json"), ("LOG__DIR", "/var/log/shop")];
/// let settings: LogSettings = settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))?;
/// assert_eq!((settings.format, &*settings.level), (Format::Json, "info"));
/// # Ok::<(), settings::SettingsError>(())
/// ```
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// Minimum level that is logged: error, warn, info, debug or trace; also per target, as in `info,belfry=debug`.
    #[arg(id = "LOG__LEVEL", default_value = "info", value_parser = filter)]
    pub level: String,
    /// `pretty` for people, `json` for machines.
    #[arg(id = "LOG__FORMAT", default_value = "pretty")]
    pub format: Format,
    /// Folder for log files, one a day, as JSON lines; unset: none are written.
    #[arg(id = "LOG__DIR")]
    pub dir: Option<PathBuf>,
}

/// The layers that receive events and spans, to be added to a subscriber of type `S`.
///
/// ```
/// use belfry_telemetry::logs::Layers;
/// use tracing_subscriber::{Registry, prelude::*};
///
/// /// Adds what `Telemetry::join` returned to a subscriber that prints.
/// fn install(layers: Layers<Registry>) {
///     tracing_subscriber::registry().with(layers).with(tracing_subscriber::fmt::layer()).init();
/// }
/// # let _ = install;
/// ```
pub type Layers<S> = Box<dyn Layer<S> + Send + Sync>;

/// Where events go besides the console.
pub(crate) struct Destinations {
    loki: Option<LokiLayer>,
    writer: Option<NonBlocking>,
    tracer: Option<traces::Tracer>,
    metrics: bool,
}

impl Destinations {
    /// Opens files, and connects to Loki on the runtime for deliveries. `metrics`: whether they are on.
    pub(crate) fn open(
        identity: &Identity,
        settings: &LogSettings,
        loki: &LokiSettings,
        traces: Option<&Traces>,
        deliveries: Option<&Handle>,
        metrics: bool,
    ) -> Result<(Self, Option<Shipping>, Option<LogFiles>), SettingsError> {
        let connected = deliveries.filter(|_| loki.enabled);
        let connected = connected.map(|runtime| loki.connect(identity, runtime));
        let (loki, shipping) = connected.transpose()?.unzip();
        let opened = settings.dir.as_ref().map(|folder| LogFiles::open(folder, identity.service)).transpose()?;
        let (writer, files) = opened.unzip();
        let tracer = traces.map(Traces::tracer);
        Ok((Self { loki, writer, tracer, metrics }, shipping, files))
    }

    /// The layers of these destinations, for a subscriber that is installed elsewhere; with `console` also one that prints.
    pub(crate) fn layers<S>(self, settings: &LogSettings, console: bool) -> Layers<S>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        // Events below LOG__LEVEL are neither printed, nor shipped, nor counted.
        let mut writers: Vec<Layers<S>> = Vec::new();
        writers.extend(console.then(|| console_layer(settings.format)));
        writers.extend(self.loki.map(LokiLayer::boxed));
        writers.extend(self.writer.map(|writer| file::layer(writer).boxed()));
        let mut layers = filtered(writers, &settings.level, self.metrics);
        if let Some(tracer) = self.tracer {
            // Spans, not events, which are logged.
            let spans_only = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO);
            layers.push(traces::layer(tracer).with_filter(spans_only).boxed());
        }
        layers.boxed()
    }
}

fn console_layer<S: Subscriber + for<'l> LookupSpan<'l>>(format: Format) -> Layers<S> {
    let console = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Pretty => console.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => console.json().flatten_event(true).boxed(),
    }
}

/// Installs these layers as the process's subscriber. `false` when there is one already.
pub(crate) fn install(layers: Layers<Registry>) -> bool {
    let installed = tracing::subscriber::set_global_default(Registry::default().with(layers)).is_ok();
    if installed {
        // If the service has a logger for the `log` crate, it keeps its records; without one they become events.
        let _ = LogTracer::builder().with_max_level(LevelFilter::current().as_log()).init();
    }
    installed
}

/// Targets logged from `warn` on: statements are measured instead, and the HTTP client's events about a delivery to Loki would
/// themselves be delivered.
const QUIET: [&str; 5] = ["sqlx", "hyper", "hyper_util", "reqwest", "h2"];

/// Keeps the span of a request enabled at every level, because log lines need its id. No event is emitted there.
const REQUEST_SPAN: &str = "belfry_telemetry::http::identity=error";

/// The layers that show what is visible at this level, and measure statements when metrics are on. Without metrics sqlx need
/// not report them at all.
fn filtered<S>(writers: Vec<Layers<S>>, level: &str, metrics: bool) -> Vec<Layers<S>>
where
    S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
{
    // Unless LOG__LEVEL names the target.
    let quiet = QUIET.iter().filter(|target| !level.contains(**target)).map(|target| format!("{target}=warn"));
    let directives = quiet.chain([REQUEST_SPAN.to_owned(), level.to_owned()]).collect::<Vec<_>>().join(",");
    match directives.parse::<Targets>() {
        Ok(visible) if !level.contains('[') => {
            let lines = Lines { writers, statements: metrics.then(|| visible.clone()) };
            vec![lines.with_filter(Needed { visible, statements: metrics }).boxed()]
        }
        // Directives about spans, `[span]=debug`. For them each span takes locks that all threads share.
        _ => {
            let visible = EnvFilter::builder().parse_lossy(directives);
            let mut layers = vec![Lines { writers, statements: None }.with_filter(visible).boxed()];
            let statements = Targets::new().with_target("sqlx", LevelFilter::TRACE);
            layers.extend(metrics.then(|| QueryMetrics.with_filter(statements).boxed()));
            layers
        }
    }
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
