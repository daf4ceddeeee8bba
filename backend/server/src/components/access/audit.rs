//! Who changed what.

use std::net::IpAddr;

use tracing::Instrument;
use uuid::Uuid;

use super::caller::Caller;
use super::key_text::KEY_PREFIX;
use crate::database::bounds::with_background_timeout;
use crate::database::{Database, now_micros};
use crate::error::{Result, chain};
use crate::events::auth::AuditNotWritten;

/// The longest object on record: paths hold what clients chose.
const MAX_OBJECT_BYTES: usize = 200;

/// Something that was done, or tried.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who did it.
    pub user_id: Option<String>,
    /// By which key; none: by a setup token, or by the settings at a start.
    pub key_id: Option<String>,
    /// Method and route, or what the server did at its start.
    pub action: String,
    /// What it was done to: a path of the API.
    pub object: String,
    /// From where.
    pub address: Option<IpAddr>,
}

/// The audit log of a database.
#[derive(Clone)]
pub struct AuditLog {
    database: Database,
}

impl AuditLog {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins to record a request, which is on record as `cancelled` when its response is never known.
    pub fn begin(&self, caller: &Caller, action: String, object: &str, address: IpAddr) -> Recording {
        let entry = Entry {
            user_id: caller.user_id.clone(),
            key_id: caller.key_id.clone(),
            action,
            object: without_keys(object),
            address: Some(address),
        };
        Recording { log: self.clone(), entry: Some(entry) }
    }

    /// Writes an entry. What cannot be written is in the log of the service.
    pub async fn record(&self, entry: Entry, status: Option<u16>) {
        let written = with_background_timeout(write(&self.database, &entry, status)).await;
        if let Err(error) = written {
            let Entry { action, object, key_id, .. } = &entry;
            AuditNotWritten { cause: chain(&error), action, object, key_id: key_id.as_deref() }.emit();
        }
    }
}

/// A request that is on record once it has ended.
pub struct Recording {
    log: AuditLog,
    entry: Option<Entry>,
}

impl Recording {
    /// It was answered with this status; `object` is what it has made, if anything. Returns when that is written; of what has failed at
    /// once, since then the database may not answer.
    pub async fn ended(mut self, status: u16, object: Option<String>) {
        let Some(mut entry) = self.entry.take() else { return };
        if let Some(object) = object {
            entry.object = object;
        }
        let log = self.log.clone();
        // To its end also when the client goes away meanwhile.
        let writing = tokio::spawn(async move { log.record(entry, Some(status)).await }.in_current_span());
        if status < 400 {
            // A panic there is logged like any other.
            let _ = writing.await;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take() else { return };
        let log = self.log.clone();
        // There is none when the process ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { log.record(entry, None).await }.in_current_span());
        }
    }
}

/// A path in which the secret of each key is masked: clients put a key where its id belongs.
fn without_keys(path: &str) -> String {
    let mask = |part: &str| {
        let Some(start) = part.find(KEY_PREFIX) else { return part.to_owned() };
        let (before, key) = part.split_at(start);
        match key.get(KEY_PREFIX.len()..KEY_PREFIX.len() + 33) {
            Some(id) if id.ends_with('_') && id[..32].bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                format!("{before}{KEY_PREFIX}{id}***")
            }
            _ => part.to_owned(),
        }
    };
    path.split('/').map(mask).collect::<Vec<_>>().join("/")
}

fn outcome(status: Option<u16>) -> &'static str {
    match status {
        None => "cancelled",
        Some(..400) => "succeeded",
        Some(400..500) => "refused",
        Some(_) => "failed",
    }
}

async fn write(database: &Database, entry: &Entry, status: Option<u16>) -> Result<()> {
    // PostgreSQL refuses a NUL, which no path has.
    let object = entry.object.replace('\0', "\u{fffd}");
    let end = object.floor_char_boundary(MAX_OBJECT_BYTES);
    sqlx::query(
        "INSERT INTO audit (id, at, user_id, key_id, action, object, outcome, status, address) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(Uuid::now_v7().to_string())
    .bind(now_micros())
    .bind(entry.user_id.as_deref())
    .bind(entry.key_id.as_deref())
    .bind(&entry.action)
    .bind(&object[..end])
    .bind(outcome(status))
    .bind(status.map(i64::from))
    .bind(entry.address.map(|address| address.to_canonical().to_string()))
    .execute(&database.pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_path_is_masked() {
        let id = "0123456789abcdefABCDEF0123456789";
        for (path, expected) in [
            (
                format!("/api/v1/keys/belfry_{id}_{}/rotate", "a".repeat(72)),
                format!("/api/v1/keys/belfry_{id}_***/rotate"),
            ),
            (format!("/api/v1/keys/%22belfry_{id}_c"), format!("/api/v1/keys/%22belfry_{id}_***")),
        ] {
            assert_eq!(without_keys(&path), expected);
        }
        for path in ["/", "/api/v1/keys/belfry_0123", &format!("/belfry_{id}"), "/belfry_\u{e9}", "/api/v1/runs"] {
            assert_eq!(without_keys(path), path);
        }
    }

    #[test]
    fn outcomes_follow_from_statuses() {
        let found = [Some(201), Some(302), Some(404), Some(503), None].map(outcome);
        assert_eq!(found, ["succeeded", "succeeded", "refused", "failed", "cancelled"]);
    }
}
