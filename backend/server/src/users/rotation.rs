//! `POST /api/v1/keys/{id}/rotate`: a new key in place of an old one, which goes on for a while.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::keys::{COLUMNS, Created, Row, created, expiry, location};
use crate::components::access::audit::AuditedChange;
use crate::database::bounds::with_request_timeout;
use crate::database::now_micros;
use crate::error::{Error, Result};
use crate::request::{Json, is_id};
use crate::state::Shared;

/// How long the old key goes on unless the request says otherwise: a day.
const OVERLAP_SECONDS: i64 = 24 * 60 * 60;

/// The longest that it may: thirty days.
const MAX_OVERLAP_SECONDS: i64 = 30 * OVERLAP_SECONDS;

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    overlap_seconds: Option<i64>,
    expires_in_seconds: Option<i64>,
}

/// 201 with a new key of the same user, name and scopes, which is shown this once. Unless the request says otherwise, it lives as
/// long as the old one was made for. The old one ends after the overlap, if not before.
pub async fn rotate(
    State(app): State<Shared>,
    change: AuditedChange,
    Path(id): Path<String>,
    Json(wanted): Json<Rotation>,
) -> Result<Created> {
    let overlap = wanted.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    if !(0..=MAX_OVERLAP_SECONDS).contains(&overlap) {
        let detail = format!("overlap_seconds: found {overlap}, expected 0 to {MAX_OVERLAP_SECONDS}");
        return Err(Error::invalid("invalid_overlap", detail));
    }
    let expires_at = expiry(wanted.expires_in_seconds)?;
    if !is_id(&id) {
        return Err(Error::NotFound("key"));
    }
    let overlap_micros = overlap.saturating_mul(1_000_000);
    let replaced = with_request_timeout(replace(&app, &id, overlap_micros, expires_at, &change)).await;
    app.access.forget(&id);
    replaced
}

async fn replace(
    app: &Shared,
    id: &str,
    overlap_micros: i64,
    expires_at: Option<i64>,
    change: &AuditedChange,
) -> Result<Created> {
    let query = format!("SELECT {COLUMNS} FROM api_keys WHERE id = $1");
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query)).bind(id);
    let old = query.fetch_optional(&app.database.pool).await?.ok_or(Error::NotFound("key"))?;
    if old.source == "file" {
        let detail =
            "the key in AUTH__ADMIN_KEY_FILE is replaced there: put another one in, and start again".to_owned();
        return Err(Error::Conflict { code: "key_not_rotatable", detail });
    }
    let now = now_micros();
    let life = old.expires_at.map(|end| end.saturating_sub(old.created_at));
    let expires_at = expires_at.or(life.map(|life| now.saturating_add(life)));
    let new = Row::new(&old.user_id, &old.name, old.scopes, "api", expires_at);
    let secret = new.secret()?;
    let mut transaction = app.database.begin().await?;
    // Of two rotations at once one finds it replaced already. The operands are compared as `MIN` has another name in PostgreSQL.
    let ends_at = now.saturating_add(overlap_micros);
    let rotated = sqlx::query(
        "UPDATE api_keys SET rotated_to = $1, \
         expires_at = CASE WHEN expires_at IS NULL OR expires_at > $2 THEN $3 ELSE expires_at END \
         WHERE id = $4 AND rotated_to IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $5)",
    )
    .bind(&new.id)
    .bind(ends_at)
    .bind(ends_at)
    .bind(id)
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    let is_stored = rotated.rows_affected() == 1 && new.insert(&mut transaction, &secret.hash().to_hex()).await?;
    if !is_stored {
        transaction.rollback().await?;
        let detail = "only a key that is active and was not rotated before can be rotated".to_owned();
        return Err(Error::Conflict { code: "key_not_rotatable", detail });
    }
    change.commit(transaction, StatusCode::CREATED, Some(&location(&new.id))).await?;
    Ok(created(new, &secret))
}
