//! Who may do what: keys and their scopes, who is behind a request, refused keys of an address, and who changed what.
//!
//! - `scope.rs`, `caller.rs`: what a key allows; who sent a request, for handlers
//! - `route_access.rs`: what each route asks for
//! - `key_text.rs`: the text of a key, and its hash
//! - `keys.rs`, `known_key.rs`: whether a key is valid, from the database or from memory
//! - `failures.rs`: how many keys of an address were refused
//! - `usage.rs`: when keys were last used, and on which days users were active
//! - `audit.rs`: who changed what
//!
//! The routes for users and keys, and what lets requests in, are in `users/`.

pub mod audit;
mod caller;
mod failures;
pub mod key_text;
mod keys;
mod known_key;
mod route_access;
mod scope;
mod usage;

use std::net::IpAddr;
use std::sync::Arc;

pub use caller::Caller;
pub use known_key::Refusal;
pub use route_access::{Access, AccessTable, RouteAccess};
pub use scope::{Scope, Scopes};
pub use usage::day_of;

use crate::config::{AuthConfig, AuthMode};
use crate::database::Database;
use crate::error::Result;
use audit::AuditLog;
use failures::Failures;
use key_text::Credential;
use keys::Keys;
use known_key::KnownKey;
use usage::Usage;

/// Decides who is let in.
pub struct AccessControl {
    /// How callers are told apart.
    pub mode: AuthMode,
    /// Who changed what.
    pub audit: AuditLog,
    failures: Failures,
    keys: Keys,
    usage: Usage,
}

/// What became of a key that was shown.
pub enum Verdict {
    /// It is valid.
    Valid(Caller),
    /// It is not.
    Refused(Refusal),
    /// Its address has had too many refused: it may come again after so many seconds.
    Limited(u64),
}

impl AccessControl {
    /// With these settings, and the keys of this database.
    pub fn new(config: &AuthConfig, database: &Database) -> Arc<Self> {
        Arc::new(Self {
            mode: config.mode,
            audit: AuditLog::new(database.clone()),
            failures: Failures::new(config.max_failures),
            keys: Keys::new(database.clone()),
            usage: Usage::new(database.clone()),
        })
    }

    /// Judges what a client at `address` shows: nothing that could be a key is `None`.
    ///
    /// # Errors
    /// Those of the database, if the key is not known from before.
    pub async fn judge(&self, credential: Option<&Credential>, address: IpAddr) -> Result<Verdict> {
        // What is known costs nothing, so that an address whose keys are refused does not shut out the others behind it.
        if let Some(known) = credential.and_then(|credential| self.keys.recall(credential)) {
            return Ok(self.admit(&known));
        }
        let is_in_use = credential.is_some_and(|credential| self.keys.lately(credential).is_some());
        if !is_in_use && let Some(seconds) = self.failures.limited_for(address) {
            return Ok(Verdict::Limited(seconds));
        }
        let found = match credential {
            Some(credential) => self.keys.find(credential).await?,
            None => Err(Refusal::Unknown),
        };
        Ok(match found {
            Ok(known) => self.admit(&known),
            Err(refusal) => {
                self.failures.add(address);
                Verdict::Refused(refusal)
            }
        })
    }

    /// Whether a request with this key would be let in now where `scope` is needed. It counts as no use of the key.
    pub async fn still_admits(&self, credential: &Credential, scope: Scope) -> bool {
        let known = match self.keys.recall(credential) {
            Some(known) => known,
            None => match self.keys.find(credential).await {
                Ok(Ok(known)) => known,
                Ok(Err(_)) | Err(_) => return false,
            },
        };
        known.scopes.contains(scope)
    }

    fn admit(&self, known: &Arc<KnownKey>) -> Verdict {
        self.usage.note(known);
        Verdict::Valid(known.caller())
    }

    /// For how many seconds nothing further is tried for this address, if for any.
    pub fn limited_for(&self, address: IpAddr) -> Option<u64> {
        self.failures.limited_for(address)
    }

    /// A token of this address was refused.
    pub fn add_failure(&self, address: IpAddr) {
        self.failures.add(address);
    }

    /// What is known of a key may have changed.
    pub fn forget(&self, key_id: &str) {
        self.keys.forget(key_id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::keys::tests::stored;
    use super::*;

    #[tokio::test]
    async fn a_key_in_use_is_not_limited_with_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::database::testing::fresh(folder.path()).await;
        let used = stored(&database, &"u".repeat(40)).await;
        let unused = stored(&database, &"n".repeat(40)).await;
        let guess = Credential { id: used.id.clone(), hash: unused.hash };
        let access = AccessControl {
            mode: AuthMode::Keys,
            audit: AuditLog::new(database.clone()),
            failures: Failures::new(1),
            keys: Keys::new(database.clone()),
            usage: Usage::new(database),
        };
        let address = IpAddr::from([192, 0, 2, 1]);
        let judge = async |credential: &Credential| access.judge(Some(credential), address).await.unwrap();
        assert!(matches!(judge(&used).await, Verdict::Valid(_)));
        access.add_failure(address);
        // Longer ago than it is taken without a query.
        access.keys.age(&used.id, Duration::from_secs(30));
        for other in [&unused, &guess] {
            assert!(matches!(judge(other).await, Verdict::Limited(_)));
        }
        assert!(matches!(judge(&used).await, Verdict::Valid(_)));
        access.keys.age(&used.id, Duration::from_secs(61));
        assert!(matches!(judge(&used).await, Verdict::Limited(_)));
    }
}
