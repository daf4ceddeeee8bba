//! The text of a key: `belfry_`, its id, `_`, a secret of 256 random bits, and the first four bytes of the hash of all that, each in
//! hexadecimal. By the prefix and that checksum, programs that look for secrets in code recognise one, and a key that was
//! copied badly is refused without a query.
//!
//! Of a key only its SHA-256 is stored. A slow hash, as for passwords, would only make requests slow: nobody can try out 2^256
//! secrets, and what was chosen at random is in no dictionary. Nor is there a salt: no two keys are equal.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How a key begins that was made here; its id follows, and `_`.
pub const KEY_PREFIX: &str = "belfry_";
const SETUP_PREFIX: &str = "belfry_setup_";
const CHECKSUM_BYTES: usize = 4;

/// The shortest key that an operator may choose, and the longest.
pub const OWN_KEY_CHARACTERS: std::ops::RangeInclusive<usize> = 32..=512;

/// The SHA-256 of a key or a token.
#[derive(Clone, Copy)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of this text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// From its text in the database.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// As the database has it.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Whether both are the same, in a time that does not tell where they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// What a client shows, as it is looked for: it does not hold the key itself.
pub struct Credential {
    /// The id of the key that it claims to be.
    pub id: String,
    /// The hash of what was shown.
    pub hash: Hash,
}

impl Credential {
    /// Reads a key. `None`: a text that no key can have.
    pub fn read(text: &str) -> Option<Self> {
        let hash = Hash::of(text);
        let Some(rest) = text.strip_prefix(KEY_PREFIX) else {
            let is_own = OWN_KEY_CHARACTERS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            return is_own.then(|| Self { id: own_id(&hash), hash });
        };
        let (id, secret) = rest.split_once('_')?;
        let (body, sum) = text.split_at_checked(text.len().checked_sub(2 * CHECKSUM_BYTES)?)?;
        let is_whole = id.len() == 32 && secret.len() == 2 * (32 + CHECKSUM_BYTES) && checksum(body) == sum;
        let id = is_whole.then(|| Uuid::try_parse(id).ok())??;
        Some(Self { id: id.to_string(), hash })
    }
}

/// A path in which the secret of each key and token that was made here is masked: clients put a key where its id belongs. A key
/// that an operator has chosen looks like any other text, and is not recognised.
pub fn masked(path: &str) -> Cow<'_, str> {
    // As most are.
    if !path.contains(KEY_PREFIX) {
        return Cow::Borrowed(path);
    }
    let (mut masked, mut rest) = (String::with_capacity(path.len()), path);
    while let Some(start) = rest.find(KEY_PREFIX) {
        let (before, found) = rest.split_at(start);
        let (shown, hidden) = found.split_at(public_length(found).unwrap_or(KEY_PREFIX.len()));
        masked.push_str(before);
        masked.push_str(shown);
        rest = hidden;
        if public_length(found).is_some() {
            masked.push_str("***");
            rest = &hidden[hidden.find('/').unwrap_or(hidden.len())..];
        }
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// How many bytes of a key or a token at the beginning of this text are no secret: up to its secret. `None`: there is neither.
fn public_length(text: &str) -> Option<usize> {
    if text.starts_with(SETUP_PREFIX) {
        return Some(SETUP_PREFIX.len());
    }
    let end = KEY_PREFIX.len() + 32;
    let id = text.get(KEY_PREFIX.len()..=end)?.strip_suffix('_')?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(end + 1)
}

/// The id of a key that an operator has chosen: it follows from the key, so that every server and every start has the same.
fn own_id(Hash(hash): &Hash) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[16..]);
    Uuid::from_bytes(bytes).to_string()
}

fn checksum(body: &str) -> String {
    hex::encode(&Sha256::digest(body.as_bytes())[..CHECKSUM_BYTES])
}

/// A key or a token that was just made, to be shown once.
pub struct NewSecret(String);

impl NewSecret {
    /// A key with this id.
    pub fn key(id: Uuid) -> Self {
        let body = format!("{KEY_PREFIX}{}_{}", id.simple(), random_hex());
        Self(format!("{body}{}", checksum(&body)))
    }

    /// A token that is exchanged for the first key.
    pub fn setup_token() -> Self {
        Self(format!("{SETUP_PREFIX}{}", random_hex()))
    }

    /// Its hash, to be stored.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }

    /// The text itself, for the one who asked for it and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a secret")
    }
}

/// 256 bits of a generator that the system seeds and nobody can predict.
fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_names_itself_and_is_hashed() {
        let id = Uuid::now_v7();
        let key = NewSecret::key(id);
        let text = key.expose();
        assert!(text.starts_with(&format!("belfry_{}_", id.simple())) && text.len() == 112, "{text}");
        let read = Credential::read(text).unwrap();
        assert_eq!(read.id, id.to_string());
        assert!(read.hash.is(&key.hash()) && Hash::from_hex(&key.hash().to_hex()).unwrap().is(&read.hash));
        assert_ne!(NewSecret::key(id).expose(), text);
        assert_eq!(format!("{key:?}"), "a secret");
    }

    #[test]
    fn a_key_that_was_copied_badly_is_none() {
        let key = NewSecret::key(Uuid::now_v7()).expose().to_owned();
        for at in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.len() == key.len() && changed != key);
            // Another prefix makes it one that an operator may have chosen, which is in no database.
            let read = Credential::read(&changed);
            assert!(read.is_none() || !changed.starts_with(KEY_PREFIX), "{changed}");
        }
        assert!(Credential::read(&key[..key.len() - 1]).is_none() && Credential::read(&format!("{key}0")).is_none());
        for none in ["", "belfry_", "belfry__", "short", "belfry_é", &"x".repeat(31), &"x".repeat(513), &" ".repeat(40)]
        {
            assert!(Credential::read(none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_chosen_key_has_the_same_id_everywhere() {
        let text = "an-operators-own-key-of-forty-characters";
        let (one, two) = (Credential::read(text).unwrap(), Credential::read(text).unwrap());
        assert!(one.id == two.id && crate::request::is_id(&one.id));
        assert_ne!(Credential::read(&text.replace("own", "new")).unwrap().id, one.id);
    }

    #[test]
    fn a_secret_in_a_path_is_masked() {
        let id = "0123456789abcdefABCDEF0123456789";
        let key = NewSecret::key(Uuid::now_v7());
        let (shown, secret) = key.expose().rsplit_once('_').unwrap();
        for (path, expected) in [
            (format!("/api/v1/keys/{shown}_{secret}/rotate"), format!("/api/v1/keys/{shown}_***/rotate")),
            (format!("/api/v1/keys/%22belfry_{id}_c"), format!("/api/v1/keys/%22belfry_{id}_***")),
            (format!("/belfry_x-{shown}_{secret}/{shown}_{secret}"), format!("/belfry_x-{shown}_***/{shown}_***")),
            (format!("/a,belfry_belfry_{id}_c,d/e"), format!("/a,belfry_belfry_{id}_***/e")),
            (NewSecret::setup_token().expose().to_owned(), "belfry_setup_***".to_owned()),
        ] {
            assert_eq!(masked(&path), expected);
        }
        for path in ["/", "/api/v1/keys/belfry_0123", &format!("/belfry_{id}"), "/belfry_\u{e9}", "/api/v1/runs", ""] {
            assert_eq!(masked(path), path);
        }
    }
}
