//! Every setting, one struct a section. A variable's description and default are in its section and nowhere else.

mod auth;
mod check;
mod data;
mod limits;
mod recurrence;
mod server;
mod services;
mod viewer;
mod work;

use belfry_telemetry::settings::{self, Reader, SettingsError};
use belfry_telemetry::{Identity, TelemetrySettings};
use clap::Args;

pub use auth::{AuthConfig, AuthMode};
pub use data::{CleanupConfig, DataConfig, DatabaseConfig, RetentionConfig, StorageConfig, UploadConfig};
pub use limits::{HostNames, LimitsConfig, Origins};
pub use recurrence::Recurrence;
pub use server::{AppConfig, LEAST_BLOCKING_THREADS, ServerConfig};
pub use services::{AiConfig, BillingConfig, ChatId, TelegramConfig, WebhookSecrets};
pub use viewer::ViewerConfig;
pub use work::{AlertsConfig, AlertsMode, JobsConfig, TrainingConfig};

/// The service's name, in labels and in the names of log files.
pub const SERVICE: &str = "belfry";

/// All settings.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The application.
    #[command(flatten)]
    pub app: AppConfig,
    /// The listener.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Who may use the API.
    #[command(flatten)]
    pub auth: AuthConfig,
    /// Local state.
    #[command(flatten)]
    pub data: DataConfig,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Where files are kept.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Uploads.
    #[command(flatten)]
    pub upload: UploadConfig,
    /// How long datasets live.
    #[command(flatten)]
    pub retention: RetentionConfig,
    /// The clean-up job.
    #[command(flatten)]
    pub cleanup: CleanupConfig,
    /// Scheduled jobs.
    #[command(flatten)]
    pub jobs: JobsConfig,
    /// When health turns to a warning.
    #[command(flatten)]
    pub alerts: AlertsConfig,
    /// Training runs.
    #[command(flatten)]
    pub training: TrainingConfig,
    /// The AI provider.
    #[command(flatten)]
    pub ai: AiConfig,
    /// Telegram.
    #[command(flatten)]
    pub telegram: TelegramConfig,
    /// The billing provider.
    #[command(flatten)]
    pub billing: BillingConfig,
    /// The pages that show the dashboards.
    #[command(flatten)]
    pub viewer: ViewerConfig,
    /// Metrics and logs.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Config {
    /// Reads and checks the settings of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        if let Some(misspelt) = Self::misspelt_in_env().into_iter().next() {
            return Err(misspelt);
        }
        Self::read(settings::environment::<Self>()?)
    }

    /// Reads and checks the settings in `variables`.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::read_by(&mut settings::reader(), variables)
    }

    /// The same by a reader, which is cheaper from the second time on.
    fn read_by(
        reader: &mut Reader<Self>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let config = reader.read(variables)?;
        config.contradictions().into_iter().next().map_or(Ok(config), Err)
    }

    /// Which server this is: `APP__INSTANCE`, or what stays the same when the server is started again.
    pub fn instance(&self) -> String {
        if !self.app.instance.is_empty() {
            return self.app.instance.clone();
        }
        // Port 0 is another one with every start.
        Identity::default_instance(Some(self.server.port).filter(|port| *port != 0))
    }

    /// The connections that one address may have, if followers of runs may take all of them.
    pub fn connections_below_followers(&self) -> Option<usize> {
        let limits = &self.server.limits;
        let connections = limits.max_connections.min(limits.max_connections_per_address);
        (self.training.max_followers >= connections).then_some(connections)
    }

    /// The variables of this process that are most likely settings with a misspelt section.
    pub fn misspelt_in_env() -> Vec<SettingsError> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        settings::misspelt_sections::<Self>(set.map(|(variable, _)| variable.to_string_lossy().into_owned()))
    }
}

#[cfg(test)]
mod tests;
