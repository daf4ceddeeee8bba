//! What stands in the place of the delivery to Loki without the feature `loki`: switching it on is an error.

#[path = "settings.rs"]
mod settings;

use std::time::Instant;

use tokio::runtime::Handle;
use tracing::Subscriber;

use crate::identity::Identity;
use crate::logs::Layers;
use crate::settings::{SettingsError, needs_feature};
pub use settings::{LokiDelivery, LokiSettings};

/// There is none.
pub(in crate::logs) enum LokiLayer {}

impl LokiLayer {
    pub(in crate::logs) fn boxed<S: Subscriber>(self) -> Layers<S> {
        match self {}
    }
}

/// There is none.
pub(crate) enum Shipping {}

impl LokiSettings {
    pub(in crate::logs) fn connect(&self, _: &Identity, _: &Handle) -> Result<(LokiLayer, Shipping), SettingsError> {
        Err(needs_feature("LOKI__ENABLED", "loki"))
    }
}

impl Shipping {
    pub(crate) fn end(&self) {
        match *self {}
    }

    pub(crate) fn wait(self, _: Instant) -> bool {
        match self {}
    }
}
