//! Who changed what.
//!
//! A change of users or keys is written in the transaction that makes it ([`AuditedChange`]): both last, or neither. Whatever else
//! changes something is written when it has ended, and before its response: a process that is killed in between leaves a change
//! that is not on record.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use sqlx::AnyConnection;
use tracing::Instrument;
use uuid::Uuid;

use super::caller::Caller;
use super::key_text::masked;
use crate::database::bounds::with_background_timeout;
use crate::database::{Database, Transaction, now_micros};
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
            object: masked(object).into_owned(),
            address: Some(address),
        };
        let pending = Pending { id: OnceLock::new(), entry: Mutex::new(Some(entry)) };
        Recording { log: self.clone(), pending: Arc::new(pending) }
    }

    /// Writes an entry, unless it is there. What cannot be written is in the log of the service.
    async fn record(&self, id: &str, entry: Entry, status: Option<u16>) {
        let write = async { write(&mut *self.database.pool.acquire().await?, id, &entry, status).await };
        let written = with_background_timeout(write).await;
        if let Err(error) = written {
            let Entry { action, object, key_id, .. } = &entry;
            AuditNotWritten { cause: chain(&error), action, object, key_id: key_id.as_deref() }.emit();
        }
    }
}

/// The entry of a request until it is written.
struct Pending {
    /// That of its row: when it is unknown whether a transaction with it was committed, it is written again, and is there once.
    id: OnceLock<String>,
    entry: Mutex<Option<Entry>>,
}

impl Pending {
    fn id(&self) -> &str {
        // Not before it is written, since the newest have the highest ids.
        self.id.get_or_init(new_id)
    }

    fn entry(&self) -> Option<Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self) -> Option<Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The entry of a request, for the handler that writes it together with its change. A handler takes it as an argument; of a
/// request that is not audited it is empty.
#[derive(Clone, Default)]
pub struct AuditedChange(Option<Arc<Pending>>);

impl AuditedChange {
    /// Makes the change of this transaction last, and its entry with it. The request is answered with `status`; `made` is the path of what
    /// it has made, if anything.
    ///
    /// # Errors
    /// Those of the database. Unless it is the answer to the commit that is missing, the change is not made.
    pub async fn commit(&self, mut transaction: Transaction, status: StatusCode, made: Option<&str>) -> Result<()> {
        let pending = self.0.as_deref();
        if let Some((pending, mut entry)) = pending.and_then(|pending| Some((pending, pending.entry()?))) {
            if let Some(made) = made {
                made.clone_into(&mut entry.object);
            }
            write(&mut transaction, pending.id(), &entry, Some(status.as_u16())).await?;
        }
        transaction.commit().await?;
        if let Some(pending) = pending {
            pending.take();
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuditedChange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A request that is on record once it has ended.
pub struct Recording {
    log: AuditLog,
    pending: Arc<Pending>,
}

impl Recording {
    /// Its entry, for the handler.
    pub fn change(&self) -> AuditedChange {
        AuditedChange(Some(self.pending.clone()))
    }

    /// It was answered with this status; `object` is what it has made, if anything. Returns when that is written; of what has failed at
    /// once, since then the database may not answer.
    pub async fn ended(self, status: u16, object: Option<String>) {
        // None: the handler has written it.
        let Some(mut entry) = self.pending.take() else { return };
        if let Some(object) = object {
            entry.object = object;
        }
        let (log, pending) = (self.log.clone(), self.pending.clone());
        // To its end also when the client goes away meanwhile.
        let writing =
            tokio::spawn(async move { log.record(pending.id(), entry, Some(status)).await }.in_current_span());
        if status < 400 {
            // A panic there is logged like any other.
            let _ = writing.await;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(entry) = self.pending.take() else { return };
        let (log, pending) = (self.log.clone(), self.pending.clone());
        // There is none when the process ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { log.record(pending.id(), entry, None).await }.in_current_span());
        }
    }
}

fn outcome(status: Option<u16>) -> &'static str {
    match status {
        None => "cancelled",
        Some(..400) => "succeeded",
        Some(400..500) => "refused",
        Some(_) => "failed",
    }
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// Writes what the server itself has done in this transaction.
///
/// # Errors
/// Those of the database.
pub async fn write_done(connection: &mut AnyConnection, entry: &Entry, status: StatusCode) -> Result<()> {
    write(connection, &new_id(), entry, Some(status.as_u16())).await
}

async fn write(connection: &mut AnyConnection, id: &str, entry: &Entry, status: Option<u16>) -> Result<()> {
    // PostgreSQL refuses a NUL, which no path has.
    let object = entry.object.replace('\0', "\u{fffd}");
    let end = object.floor_char_boundary(MAX_OBJECT_BYTES);
    sqlx::query(
        "INSERT INTO audit (id, at, user_id, key_id, action, object, outcome, status, address) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(now_micros())
    .bind(entry.user_id.as_deref())
    .bind(entry.key_id.as_deref())
    .bind(&entry.action)
    .bind(&object[..end])
    .bind(outcome(status))
    .bind(status.map(i64::from))
    .bind(entry.address.map(|address| address.to_canonical().to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_follow_from_statuses() {
        let found = [Some(201), Some(302), Some(404), Some(503), None].map(outcome);
        assert_eq!(found, ["succeeded", "succeeded", "refused", "failed", "cancelled"]);
    }
}
