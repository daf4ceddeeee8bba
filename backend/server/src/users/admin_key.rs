//! `AUTH__ADMIN_KEY_FILE`: a key that an operator has chosen. What is in the file at a start is valid from then on, and what was in it
//! at an earlier start no longer.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use axum::http::StatusCode;

use super::first_user::admin_user;
use super::keys::{Row, location};
use crate::components::access::audit::{Entry, write_done};
use crate::components::access::key_text::{Credential, OWN_KEY_CHARACTERS};
use crate::components::access::{Scope, Scopes};
use crate::database::bounds::with_background_timeout;
use crate::database::now_micros;
use crate::error::Result;
use crate::state::App;

/// What others than the owner may not do with the file: the group may read it, as secrets are mounted in containers.
const OTHERS: u32 = 0o037;

/// Makes the key in the file valid.
///
/// # Errors
/// A file that cannot be read, that others may read, whose text is no key, or whose key is no longer valid; a database that does not
/// answer.
pub(super) async fn install(app: &App, path: &Path) -> anyhow::Result<()> {
    let credential = read(path).with_context(|| format!("AUTH__ADMIN_KEY_FILE: {}", path.display()))?;
    let stored = with_background_timeout(store(app, &credential)).await.context("cannot store the admin key")?;
    let Some(is_new) = stored else {
        bail!(
            "AUTH__ADMIN_KEY_FILE: {}: found a key that was revoked, has expired or lacks the scope admin, expected \
             another one; the keys in the database are as they were",
            path.display()
        );
    };
    if is_new {
        tracing::info!(key_id = credential.id, "the key in AUTH__ADMIN_KEY_FILE is valid from now on");
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Credential> {
    let file = File::open(path).context("cannot be read")?;
    let mode = file.metadata().context("cannot be read")?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        bail!("found mode {mode:04o}, expected 0600, or 0640 where its group may read it");
    }
    let (least, most) = (OWN_KEY_CHARACTERS.start(), OWN_KEY_CHARACTERS.end());
    let mut text = String::new();
    // One line end more than fits.
    let read = file.take(*most as u64 + 3).read_to_string(&mut text);
    let text = text.trim_end_matches(['\n', '\r']);
    let expected = format!("{least} to {most} visible ASCII characters, such as those of `openssl rand -hex 32`");
    match (read, Credential::read(text)) {
        (Ok(_), Some(credential)) => Ok(credential),
        (Err(error), _) if error.kind() != std::io::ErrorKind::InvalidData => Err(error).context("cannot be read"),
        _ => bail!("found {} bytes that are no key, expected {expected}", text.len()),
    }
}

/// Stores the key unless it is there, has it on record, and revokes those of earlier files. No token for a first key is valid from then on. Returns
/// whether the key is new; `None`: it is there and not valid, or no admin key, and nothing was changed.
async fn store(app: &App, credential: &Credential) -> Result<Option<bool>> {
    let mut transaction = app.database.begin().await?;
    let user_id = admin_user(&mut transaction).await?;
    let row =
        Row { id: credential.id.clone(), ..Row::new(&user_id, "AUTH__ADMIN_KEY_FILE", Scopes::all(), "file", None) };
    let is_new = row.insert(&mut transaction, &credential.hash.to_hex()).await?;
    let now = now_micros();
    let query = "SELECT k.scopes FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1 AND k.key_hash = $2 \
        AND k.revoked_at IS NULL AND u.deactivated_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3)";
    let query = sqlx::query_as(query).bind(&row.id).bind(credential.hash.to_hex()).bind(now);
    let valid: Option<(String,)> = query.fetch_optional(&mut *transaction).await?;
    if !valid.is_some_and(|(scopes,)| Scopes::from_text(&scopes).contains(Scope::Admin)) {
        transaction.rollback().await?;
        return Ok(None);
    }
    let query = "UPDATE api_keys SET revoked_at = $1 WHERE source = 'file' AND id <> $2 AND revoked_at IS NULL";
    sqlx::query(query).bind(now).bind(&row.id).execute(&mut *transaction).await?;
    sqlx::query("DELETE FROM setup_token").execute(&mut *transaction).await?;
    if is_new {
        let entry = Entry {
            user_id: None,
            key_id: None,
            action: "AUTH__ADMIN_KEY_FILE".to_owned(),
            object: location(&row.id),
            address: None,
        };
        write_done(&mut transaction, &entry, StatusCode::CREATED).await?;
    }
    transaction.commit().await?;
    Ok(Some(is_new))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn refusal(mode: u32, text: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        read(file.path()).err().map_or_else(String::new, |error| format!("{error:#}"))
    }

    #[test]
    fn a_key_file_is_closed_and_holds_a_key() {
        let key = [b'k'; 32];
        for mode in [0o600, 0o400, 0o640] {
            assert_eq!(refusal(mode, &key), "");
        }
        for mode in [0o604, 0o620, 0o644, 0o606] {
            assert!(refusal(mode, &key).contains(&format!("found mode {mode:04o}")));
        }
        assert_eq!(refusal(0o600, &[&key[..], b"\r\n"].concat()), "");
        assert_eq!(refusal(0o600, &[b'k'; 512]), "");
        for wrong in [
            &b""[..],
            &key[..31],
            &[b'k'; 513],
            &[b'k'; 9000],
            &[0xff; 40],
            b"with spaces in the middle of the key text",
        ] {
            let said = refusal(0o600, wrong);
            assert!(said.contains("expected 32 to 512 visible") && !said.contains("kkk"), "{said}");
        }
    }
}
