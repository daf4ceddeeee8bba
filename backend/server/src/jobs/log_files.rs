//! The job `log_retention`: removes log files of this program that are too old, and nothing else in their folder.

use std::path::Path;

use belfry_telemetry::jobs::JobMetadata as Notes;
use belfry_telemetry::logs;
use jiff::{Span, Timestamp};

use crate::error::{Error, Result};
use crate::serve::SERVICE;
use crate::state::App;

use super::removal::Removal;

/// Removes those from before `RETENTION__LOG_DAYS`.
pub(super) async fn remove_old(app: &App, notes: &Notes) -> Result<()> {
    let Some(folder) = &app.config.telemetry.log.dir else { return Ok(()) };
    let days = Span::new().days(i64::from(app.config.retention.log_days));
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let oldest = today.checked_sub(days).map_err(|error| Error::Internal(error.into()))?;
    notes.set("oldest_kept", oldest.to_string());
    remove_before(folder, &oldest.to_string(), Removal::begin(notes, &app.stopping)).await
}

/// `oldest` is the first day that is kept.
async fn remove_before(folder: &Path, oldest: &str, mut removal: Removal<'_>) -> Result<()> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    while !removal.is_interrupted()
        && let Some(entry) = entries.next_entry().await?
    {
        let name = entry.file_name();
        // Dates as text are in the order of time.
        let is_old = name.to_str().and_then(|name| logs::date_of(SERVICE, name)).is_some_and(|date| date < oldest);
        if is_old && entry.file_type().await.is_ok_and(|kind| kind.is_file()) {
            removal.remove(&entry.path()).await;
        }
    }
    removal.end()
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn only_log_files_that_are_too_old_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["belfry.2026-03-02.jsonl", "belfry.2026-03-03.jsonl", "notes.2020-01-01.jsonl", "belfry.db"];
        for name in kept.into_iter().chain(["belfry.2026-03-01.jsonl", "belfry.2025-12-31.jsonl"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("belfry.2019-01-01.jsonl")).unwrap();
        let (notes, stopping) = (Notes::default(), CancellationToken::new());
        remove_before(folder.path(), "2026-03-02", Removal::begin(&notes, &stopping)).await.unwrap();
        assert_eq!(notes.snapshot()["removed"], 2);
        for name in kept {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }
}
