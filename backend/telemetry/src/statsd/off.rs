//! What stands in the place of StatsD without the feature `statsd`: switching it on is an error.

#[path = "settings.rs"]
mod settings;

use std::io;
use std::time::Duration;

use crate::registry::Store;
use crate::settings::{SettingsError, needs_feature};
pub use settings::{HistogramType, StatsdSettings};

/// There is none.
pub(crate) enum Agent {}

/// There is none.
pub(crate) enum StatsdSender {}

impl StatsdSettings {
    pub(crate) fn resolve(&self) -> Result<Agent, SettingsError> {
        Err(needs_feature("STATSD__ENABLED", "statsd"))
    }
}

impl Agent {
    pub(crate) fn start(self, _: &'static Store) -> io::Result<StatsdSender> {
        match self {}
    }
}

impl StatsdSender {
    pub(crate) fn finish(self, _: Duration) -> bool {
        match self {}
    }
}
