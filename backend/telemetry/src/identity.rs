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
    /// Which of the processes of this service it is. One that is started again has the same name as before, so that the
    /// number of log streams does not grow with every start.
    pub instance: String,
}

impl Identity {
    /// A service whose environment is named by `APP__ENVIRONMENT`, production where it is not set, and whose instance by
    /// `APP__INSTANCE`, the machine's name where it is not set.
    pub fn from_env(service: &'static str, version: &'static str) -> Result<Self, SettingsError> {
        let environment = variable("APP__ENVIRONMENT")?.unwrap_or_else(|| "production".to_owned());
        let instance = variable("APP__INSTANCE")?.unwrap_or_else(|| Self::default_instance(None));
        Ok(Self { service, version, environment, instance })
    }

    /// The instance of a process for which none is named: the machine's name, with the port where it is a fixed one.
    /// A container keeps its name, which is the machine's there, until it is made anew.
    pub fn default_instance(port: Option<u16>) -> String {
        let machine = sysinfo::System::host_name().ok().filter(|name| !name.is_empty());
        let machine = machine.unwrap_or_else(|| "unknown".to_owned());
        match port {
            Some(port) => format!("{machine}:{port}"),
            None => machine,
        }
    }
}

/// The value of a variable of this process, unless it is unset or empty.
fn variable(name: &str) -> Result<Option<String>, SettingsError> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(|value| settings::text_of(name, value)).transpose()
}
