//! Where files are kept: a local folder by default, any S3-compatible store by `STORAGE__URL`.

use crate::config::Config;

/// The file store.
#[derive(Clone)]
pub struct Storage {}

impl Storage {
    /// Opens the store.
    pub fn open(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self {})
    }
}
