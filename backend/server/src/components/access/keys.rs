//! Whether a key is valid. A key that was valid a moment ago is so without a query.
//!
//! What another server has revoked is refused here after [`FRESH`] at the latest, and at once what this one has. While the database
//! does not answer, a key stays valid for [`LASTING`] after the database last said so, since otherwise a short outage would also end
//! what needs no database; what is not known is answered 503 then.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::key_text::{Credential, Hash};
use super::known_key::{KnownKey, Refusal};
use super::scope::Scopes;
use crate::database::bounds::{with_request_timeout, with_timeout};
use crate::database::{Database, now_micros};
use crate::error::Result;

/// How long a key that was found valid is taken without asking the database.
const FRESH: Duration = Duration::from_secs(5);

/// The same while the database does not answer.
const LASTING: Duration = Duration::from_secs(60);

/// How long the database may take for a key that was valid lately.
const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(1);

/// The most keys in memory, at about 300 bytes each.
const MOST: usize = 10_000;

struct Row {
    user_id: String,
    key_hash: String,
    scopes: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    deactivated_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            user_id: row.try_get("user_id")?,
            key_hash: row.try_get("key_hash")?,
            scopes: row.try_get("scopes")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
            deactivated_at: row.try_get("deactivated_at")?,
        })
    }
}

/// The keys of a database.
pub(super) struct Keys {
    database: Database,
    known: Cache<String, Arc<KnownKey>>,
    /// How often a key was forgotten: what was read before that is not remembered.
    forgotten: AtomicU64,
}

impl Keys {
    pub(super) fn new(database: Database) -> Self {
        Self { database, known: Cache::new(MOST), forgotten: AtomicU64::new(0) }
    }

    /// The key, if it was found valid a moment ago and still is.
    pub(super) fn recall(&self, credential: &Credential) -> Option<Arc<KnownKey>> {
        self.valid_within(FRESH, credential)
    }

    /// The key, if it was found valid within [`LASTING`].
    pub(super) fn lately(&self, credential: &Credential) -> Option<Arc<KnownKey>> {
        self.valid_within(LASTING, credential)
    }

    /// Only a key that is shown whole: an id alone must not tell whether there is such a key.
    fn valid_within(&self, age: Duration, credential: &Credential) -> Option<Arc<KnownKey>> {
        let known = self.known.get(&credential.id).filter(|known| known.read_at.elapsed() < age)?;
        known.check(credential, now_micros()).is_ok().then_some(known)
    }

    /// The key, or why it is not valid.
    ///
    /// # Errors
    /// Those of the database, unless the key was valid lately.
    pub(super) async fn find(&self, credential: &Credential) -> Result<Result<Arc<KnownKey>, Refusal>> {
        let lately = self.lately(credential);
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let read = self.read(&credential.id);
        let found = match &lately {
            Some(_) => with_timeout(CONFIRMATION_TIMEOUT, read).await,
            None => with_request_timeout(read).await,
        };
        let found = match (found, lately) {
            (Ok(found), _) => found,
            (Err(error), Some(lately)) if error.is_transient() => {
                tracing::debug!(cause = crate::error::chain(&error), "a key is taken as it was");
                return Ok(Ok(lately));
            }
            (Err(error), _) => return Err(error),
        };
        let Some(found) = found else {
            self.known.remove(&credential.id);
            return Ok(Err(Refusal::Unknown));
        };
        let found = Arc::new(found);
        let checked = found.check(credential, now_micros());
        match checked {
            Ok(()) => self.remember(&found, forgotten),
            // Whoever shows an id with another secret does not change what is known of the key.
            Err(Refusal::Unknown) => {}
            Err(Refusal::Expired | Refusal::Revoked) => {
                self.known.remove(&credential.id);
            }
        }
        Ok(checked.map(|()| found))
    }

    /// Remembers a key that was read when `forgotten` had this value, unless one was forgotten since then.
    fn remember(&self, key: &Arc<KnownKey>, forgotten: u64) {
        let is_current = || self.forgotten.load(Ordering::SeqCst) == forgotten;
        if is_current() {
            self.known.insert(key.id.clone(), key.clone());
            // It may have been forgotten in between.
            if !is_current() {
                self.known.remove(&key.id);
            }
        }
    }

    pub(super) fn forget(&self, id: &str) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.known.remove(id);
    }

    async fn read(&self, id: &str) -> Result<Option<KnownKey>> {
        let read_at = Instant::now();
        let row: Option<Row> = sqlx::query_as(
            "SELECT k.user_id, k.key_hash, k.scopes, k.expires_at, k.revoked_at, k.last_used_at, u.deactivated_at \
             FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1",
        )
        .bind(id)
        .fetch_optional(&self.database.pool)
        .await?;
        // A hash that cannot be read is that of no key.
        Ok(row.and_then(|row| {
            Some(KnownKey {
                id: id.to_owned(),
                user_id: row.user_id,
                hash: Hash::from_hex(&row.key_hash)?,
                scopes: Scopes::from_text(&row.scopes),
                expires_at: row.expires_at,
                is_revoked: row.revoked_at.is_some() || row.deactivated_at.is_some(),
                last_used_at: AtomicI64::new(row.last_used_at.unwrap_or(0)),
                read_at,
            })
        }))
    }
}

#[cfg(test)]
impl Keys {
    /// As if what is known of the key had been read so much earlier.
    pub(super) fn age(&self, id: &str, by: Duration) {
        let known = self.known.get(id).unwrap();
        let aged = KnownKey {
            id: known.id.clone(),
            user_id: known.user_id.clone(),
            hash: known.hash,
            scopes: known.scopes,
            expires_at: known.expires_at,
            is_revoked: known.is_revoked,
            last_used_at: AtomicI64::new(known.last_used_at.load(Ordering::Relaxed)),
            read_at: known.read_at.checked_sub(by).unwrap(),
        };
        self.known.insert(id.to_owned(), Arc::new(aged));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key with this text, in the database.
    pub(in super::super) async fn stored(database: &Database, text: &str) -> Credential {
        let credential = Credential::read(text).unwrap();
        let user = "INSERT INTO users (id, name, created_at) VALUES ('u', 'u', 1) ON CONFLICT DO NOTHING";
        sqlx::query(user).execute(&database.pool).await.unwrap();
        let key = "INSERT INTO api_keys (id, user_id, name, key_hash, scopes, source, created_at) \
            VALUES ($1, 'u', 'k', $2, 'read', 'api', 1)";
        let key = sqlx::query(key).bind(&credential.id).bind(credential.hash.to_hex());
        key.execute(&database.pool).await.unwrap();
        credential
    }

    #[tokio::test]
    async fn what_was_read_before_a_revocation_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::database::testing::fresh(folder.path()).await;
        let credential = stored(&database, &"k".repeat(40)).await;
        let keys = Keys::new(database);
        let before = keys.forgotten.load(Ordering::SeqCst);
        let read = Arc::new(keys.read(&credential.id).await.unwrap().unwrap());
        keys.forget(&credential.id);
        keys.remember(&read, before);
        assert!(keys.recall(&credential).is_none());
        assert!(keys.find(&credential).await.unwrap().is_ok());
        assert!(keys.recall(&credential).is_some());
    }
}
