//! What an upload may ask for beside its file, and what becomes of that.

use serde::Deserialize;

use super::lifetime::{Lifetime, lifetime};
use super::name;
use crate::config::RetentionConfig;
use crate::error::Result;

/// What the client may ask for, in the query or in the form, which wins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadOptions {
    /// See [`name::sanitize_name`].
    pub name: Option<String>,
    /// See [`lifetime`].
    pub ttl_seconds: Option<String>,
}

/// What the dataset will be called and how long it will live, decided before the file is read.
pub struct DatasetPlan {
    /// See [`name::sanitize_name`].
    pub name: String,
    /// See [`lifetime`].
    pub lifetime: Lifetime,
}

impl DatasetPlan {
    /// Reads the requested options; a form's file may bring a name.
    ///
    /// # Errors
    /// 422 `invalid_ttl`.
    pub fn new(retention: &RetentionConfig, requested: &UploadOptions, file_name: Option<&str>) -> Result<Self> {
        let name = requested.name.as_deref().or(file_name).unwrap_or_default();
        let lifetime = lifetime(requested.ttl_seconds.as_deref(), retention)?;
        Ok(Self { name: name::sanitize_name(name), lifetime })
    }
}

/// Whether a media type says that a file is compressed.
pub fn is_gzip(essence: &str) -> bool {
    matches!(essence, "application/gzip" | "application/x-gzip")
}
