//! Which service emits: the labels of `app_info`, of log streams and of spans.

use crate::settings::{self, SettingsError};

/// Which service emits, and where it runs.
///
/// ```
/// use belfry_telemetry::Identity;
///
/// // Where it runs is in APP__ENVIRONMENT.
/// let identity = Identity::from_env("shop", "1.4.0")?;
/// // Or, in a test:
/// let identity = Identity { environment: "test".to_owned(), ..identity };
/// assert_eq!((identity.service, identity.version), ("shop", "1.4.0"));
/// # Ok::<(), belfry_telemetry::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    /// The service's name.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Where it runs: production, staging, development.
    pub environment: String,
}

impl Identity {
    /// A service whose environment is named by `APP__ENVIRONMENT`: production where it is not set.
    pub fn from_env(service: &'static str, version: &'static str) -> Result<Self, SettingsError> {
        const VARIABLE: &str = "APP__ENVIRONMENT";
        let environment = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let environment = environment.map(|value| settings::text_of(VARIABLE, value)).transpose()?;
        Ok(Self { service, version, environment: environment.unwrap_or_else(|| "production".to_owned()) })
    }
}
