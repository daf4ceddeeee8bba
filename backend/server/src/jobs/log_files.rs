//! The job `log_retention`: removes log files of this program that are too old, and nothing else in their folder.

use std::path::Path;

use belfry_telemetry::logs;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Error, Result};
use crate::serve::SERVICE;

/// Removes those from before `RETENTION__LOG_DAYS`. Returns how many.
pub(super) async fn remove_old(app: &App) -> Result<Value> {
    let Some(folder) = &app.config.telemetry.log.dir else { return Ok(json!({ "removed": 0 })) };
    let days = Span::new().days(i64::from(app.config.retention.log_days));
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let oldest = today.checked_sub(days).map_err(|error| Error::Internal(error.into()))?;
    let removed = remove_before(folder, &oldest.to_string()).await?;
    Ok(json!({ "removed": removed, "oldest_kept": oldest.to_string() }))
}

/// `oldest` is the first day that is kept.
async fn remove_before(folder: &Path, oldest: &str) -> Result<u64> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    let mut removed = 0;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        // Dates as text are in the order of time.
        let is_old = name.to_str().and_then(|name| logs::date_of(SERVICE, name)).is_some_and(|date| date < oldest);
        if is_old && entry.file_type().await?.is_file() {
            tokio::fs::remove_file(entry.path()).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_log_files_that_are_too_old_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["belfry.2026-03-02.jsonl", "belfry.2026-03-03.jsonl", "notes.2020-01-01.jsonl", "belfry.db"];
        for name in kept.into_iter().chain(["belfry.2026-03-01.jsonl", "belfry.2025-12-31.jsonl"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("belfry.2019-01-01.jsonl")).unwrap();
        assert_eq!(remove_before(folder.path(), "2026-03-02").await.unwrap(), 2);
        for name in kept {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }
}
