//! `POST` and `GET /api/v1/users/{id}/keys`, `DELETE /api/v1/keys/{id}`.

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row as _};
use uuid::Uuid;

use super::people::{PageQuery, checked_name, require};
use crate::components::access::audit::AuditedChange;
use crate::components::access::key_text::NewSecret;
use crate::components::access::{Scope, Scopes};
use crate::database::bounds::with_request_timeout;
use crate::database::{Database, now_micros, rfc3339};
use crate::error::{Error, Result};
use crate::request::{Json, Page, Query, is_id};
use crate::state::Shared;

/// The longest life of a key that ends: ten years, in seconds.
const MAX_LIFE_SECONDS: i64 = 10 * 365 * 24 * 60 * 60;

/// A key in the database, without its hash.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) scopes: Scopes,
    pub(super) source: String,
    pub(super) created_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) revoked_at: Option<i64>,
    pub(super) last_used_at: Option<i64>,
    pub(super) rotated_to: Option<String>,
}

pub(super) const COLUMNS: &str =
    "id, user_id, name, scopes, source, created_at, expires_at, revoked_at, last_used_at, rotated_to";

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            name: row.try_get("name")?,
            scopes: Scopes::from_text(&row.try_get::<String, _>("scopes")?),
            source: row.try_get("source")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
            rotated_to: row.try_get("rotated_to")?,
        })
    }
}

impl Row {
    /// A new key.
    pub(super) fn new(user_id: &str, name: &str, scopes: Scopes, source: &str, expires_at: Option<i64>) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            scopes,
            source: source.to_owned(),
            created_at: now_micros(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
            rotated_to: None,
        }
    }

    /// Makes the secret of a new key.
    pub(super) fn secret(&self) -> Result<NewSecret> {
        let id = Uuid::try_parse(&self.id).map_err(|error| Error::Internal(error.into()))?;
        Ok(NewSecret::key(id))
    }

    /// Stores it, if its user is active. Returns whether it is stored; one that is there already is left alone.
    pub(super) async fn insert(&self, connection: &mut AnyConnection, key_hash: &str) -> Result<bool> {
        let inserted = sqlx::query(
            "INSERT INTO api_keys (id, user_id, name, key_hash, scopes, source, created_at, expires_at) \
             SELECT $1, id, $2, $3, $4, $5, $6, $7 FROM users WHERE id = $8 AND deactivated_at IS NULL \
             ON CONFLICT DO NOTHING",
        )
        .bind(&self.id)
        .bind(&self.name)
        .bind(key_hash)
        .bind(self.scopes.to_string())
        .bind(&self.source)
        .bind(self.created_at)
        .bind(self.expires_at)
        .bind(&self.user_id)
        .execute(connection)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    fn state(&self, now: i64) -> &'static str {
        match self.expires_at {
            _ if self.revoked_at.is_some() => "revoked",
            Some(expires_at) if expires_at <= now => "expired",
            _ => "active",
        }
    }
}

/// A key as the API shows it: never its text.
#[derive(Serialize)]
pub struct Key {
    id: String,
    user_id: String,
    name: String,
    scopes: Scopes,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// How it came to be: `api`, `setup` or `file`.
    source: String,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// Brought up to date once a minute at most.
    last_used_at: Option<String>,
    /// The key that was made in its place.
    rotated_to: Option<String>,
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        Self {
            state: row.state(now_micros()),
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            scopes: row.scopes,
            source: row.source,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
            revoked_at: row.revoked_at.map(rfc3339),
            last_used_at: row.last_used_at.map(rfc3339),
            rotated_to: row.rotated_to,
        }
    }
}

/// A new key, and the only time that its text is shown.
#[derive(Serialize)]
pub struct ShownOnce {
    key: String,
    #[serde(flatten)]
    about: Key,
}

/// The response with a new key. No cache may keep it.
pub(super) type Created = (StatusCode, [(HeaderName, String); 2], Json<ShownOnce>);

/// Where the API has the key with this id.
pub(super) fn location(id: &str) -> String {
    format!("/api/v1/keys/{id}")
}

/// The response with this new key.
pub(super) fn created(row: Row, secret: &NewSecret) -> Created {
    let headers = [(header::LOCATION, location(&row.id)), (header::CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::CREATED, headers, Json(ShownOnce { key: secret.expose().to_owned(), about: row.into() }))
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    name: String,
    scopes: Vec<Scope>,
    expires_in_seconds: Option<i64>,
}

/// When a key ends that is made now.
///
/// # Errors
/// 422.
pub(super) fn expiry(seconds: Option<i64>) -> Result<Option<i64>> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(1..=MAX_LIFE_SECONDS).contains(&seconds) {
        let detail = format!(
            "expires_in_seconds: found {seconds}, expected 1 to {MAX_LIFE_SECONDS}, or none for a key without end"
        );
        return Err(Error::invalid("invalid_expiry", detail));
    }
    Ok(Some(now_micros().saturating_add(seconds.saturating_mul(1_000_000))))
}

/// `POST /api/v1/users/{id}/keys`: 201 with the key, which is shown this once.
pub async fn create(
    State(app): State<Shared>,
    change: AuditedChange,
    Path(user_id): Path<String>,
    Json(new): Json<NewKey>,
) -> Result<Created> {
    let (name, scopes) = (checked_name(&new.name)?, new.scopes.into_iter().collect::<Scopes>());
    if scopes.is_empty() {
        let detail = "scopes: found none, expected some of read, write, admin".to_owned();
        return Err(Error::invalid("invalid_scopes", detail));
    }
    let row = Row::new(&user_id, name, scopes, "api", expiry(new.expires_in_seconds)?);
    let secret = row.secret()?;
    let insert = async {
        require(&app.database, &user_id).await?;
        let mut transaction = app.database.begin().await?;
        if !row.insert(&mut transaction, &secret.hash().to_hex()).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        change.commit(transaction, StatusCode::CREATED, Some(&location(&row.id))).await?;
        Ok(true)
    };
    if !with_request_timeout(insert).await? {
        let detail = "the user is deactivated, and gets no further keys".to_owned();
        return Err(Error::Conflict { code: "user_deactivated", detail });
    }
    Ok(created(row, &secret))
}

/// `GET /api/v1/users/{id}/keys`: newest first.
pub async fn list(
    State(app): State<Shared>,
    Path(user_id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Key>>> {
    let (limit, before) = page.checked()?;
    require(&app.database, &user_id).await?;
    let query = format!("SELECT {COLUMNS} FROM api_keys WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query)).bind(user_id).bind(before).bind(limit + 1);
    let found = query.fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone()).map(Key::from)))
}

/// `DELETE /api/v1/keys/{id}`: 204, also of one that was revoked before. It stays on record.
pub async fn revoke(State(app): State<Shared>, change: AuditedChange, Path(id): Path<String>) -> Result<StatusCode> {
    if !is_id(&id) {
        return Err(Error::NotFound("key"));
    }
    let revoked = revoke_audited(&app.database, &id, &change).await;
    // Also after a commit whose answer is missing.
    app.access.forget(&id);
    revoked
}

async fn revoke_audited(database: &Database, id: &str, change: &AuditedChange) -> Result<StatusCode> {
    let mut transaction = database.begin().await?;
    let query = "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2";
    let revoked = sqlx::query(query).bind(now_micros()).bind(id).execute(&mut *transaction).await?;
    if revoked.rows_affected() == 0 {
        transaction.rollback().await?;
        return Err(Error::NotFound("key"));
    }
    change.commit(transaction, StatusCode::NO_CONTENT, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
