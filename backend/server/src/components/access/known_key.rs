//! What is known of a key.

use std::sync::atomic::AtomicI64;
use std::time::Instant;

use super::caller::Caller;
use super::key_text::{Credential, Hash};
use super::scope::Scopes;

/// Why a key is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none of this text.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was revoked, or its user deactivated.
    Revoked,
}

/// A key as the database had it.
pub(super) struct KnownKey {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) hash: Hash,
    pub(super) scopes: Scopes,
    /// In microseconds since 1970; `None`: never.
    pub(super) expires_at: Option<i64>,
    /// Whether it was revoked, or its user deactivated.
    pub(super) is_revoked: bool,
    /// When it was last used, as far as that is on record; 0: never.
    pub(super) last_used_at: AtomicI64,
    /// When it was read.
    pub(super) read_at: Instant,
}

impl KnownKey {
    /// Whether what was shown is this key, and it is valid at this time.
    pub(super) fn check(&self, credential: &Credential, now: i64) -> Result<(), Refusal> {
        // First: whoever does not have the key learns nothing about it.
        if !self.hash.is(&credential.hash) {
            return Err(Refusal::Unknown);
        }
        if self.is_revoked {
            return Err(Refusal::Revoked);
        }
        match self.expires_at {
            Some(expires_at) if expires_at <= now => Err(Refusal::Expired),
            _ => Ok(()),
        }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { user_id: Some(self.user_id.clone()), key_id: Some(self.id.clone()), scopes: self.scopes }
    }
}
