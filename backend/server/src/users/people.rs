//! `POST /api/v1/users`, `GET /api/v1/users`, `GET` and `DELETE /api/v1/users/{id}`.

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use crate::components::access::audit::AuditedChange;
use crate::database::bounds::with_request_timeout;
use crate::database::{Database, now_micros, rfc3339};
use crate::error::{Error, Result};
use crate::request::{Json, Page, Query, is_id, shown};
use crate::state::Shared;

/// The longest name of a user or a key, in characters.
pub(super) const MAX_NAME: usize = 100;

/// Which page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    limit: Option<i64>,
    cursor: Option<String>,
}

impl PageQuery {
    /// How many items, and before which id.
    ///
    /// # Errors
    /// 400 for a limit out of range or a cursor that no page has given.
    pub(super) fn checked(self) -> Result<(i64, String)> {
        Ok((Page::<()>::limit(self.limit)?, Page::<()>::before(self.cursor)?))
    }
}

struct Row {
    id: String,
    name: String,
    created_at: i64,
    deactivated_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            created_at: row.try_get("created_at")?,
            deactivated_at: row.try_get("deactivated_at")?,
        })
    }
}

/// A user as the API shows it.
#[derive(Serialize)]
pub struct User {
    id: String,
    name: String,
    /// `active` or `deactivated`.
    state: &'static str,
    created_at: String,
    deactivated_at: Option<String>,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            state: if row.deactivated_at.is_none() { "active" } else { "deactivated" },
            created_at: rfc3339(row.created_at),
            deactivated_at: row.deactivated_at.map(rfc3339),
        }
    }
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    name: String,
}

/// A name of a user or a key.
///
/// # Errors
/// 422.
pub(super) fn checked_name(name: &str) -> Result<&str> {
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && name.trim() == name;
    if fits && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    let expected = format!("1 to {MAX_NAME} characters without control characters, and no space around them");
    Err(Error::invalid("invalid_name", format!("name: found {}, expected {expected}", shown(name))))
}

/// `POST /api/v1/users`: 201.
pub async fn create(
    State(app): State<Shared>,
    change: AuditedChange,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<User>)> {
    let name = checked_name(&new.name)?;
    let row =
        Row { id: Uuid::now_v7().to_string(), name: name.to_owned(), created_at: now_micros(), deactivated_at: None };
    let location = format!("/api/v1/users/{}", row.id);
    let insert = async {
        let mut transaction = app.database.begin().await?;
        let query = "INSERT INTO users (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let query = sqlx::query(query).bind(&row.id).bind(&row.name).bind(row.created_at);
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        change.commit(transaction, StatusCode::CREATED, Some(&location)).await?;
        Ok(true)
    };
    if !with_request_timeout(insert).await? {
        let detail = format!("name: found {}, which an active user has", shown(name));
        return Err(Error::Conflict { code: "name_taken", detail });
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(row.into())))
}

/// `GET /api/v1/users`: newest first.
pub async fn list(State(app): State<Shared>, Query(page): Query<PageQuery>) -> Result<Json<Page<User>>> {
    let (limit, before) = page.checked()?;
    let query = "SELECT id, name, created_at, deactivated_at FROM users WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let found: Vec<Row> = sqlx::query_as(query).bind(before).bind(limit + 1).fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone()).map(User::from)))
}

/// `GET /api/v1/users/{id}`
pub async fn show(State(app): State<Shared>, Path(id): Path<String>) -> Result<Json<User>> {
    Ok(Json(find(&app.database, &id).await?.into()))
}

async fn find(database: &Database, id: &str) -> Result<Row> {
    if !is_id(id) {
        return Err(Error::NotFound("user"));
    }
    let query = "SELECT id, name, created_at, deactivated_at FROM users WHERE id = $1";
    let found = sqlx::query_as(query).bind(id).fetch_optional(&database.pool).await?;
    found.ok_or(Error::NotFound("user"))
}

/// Whether there is such a user.
///
/// # Errors
/// 404.
pub(super) async fn require(database: &Database, id: &str) -> Result<()> {
    find(database, id).await.map(|_| ())
}

/// `DELETE /api/v1/users/{id}`: 204. The user stays on record, and its keys are revoked.
pub async fn deactivate(
    State(app): State<Shared>,
    change: AuditedChange,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    require(&app.database, &id).await?;
    let now = now_micros();
    let mut transaction = app.database.begin().await?;
    let query = "UPDATE users SET deactivated_at = $1 WHERE id = $2 AND deactivated_at IS NULL";
    sqlx::query(query).bind(now).bind(&id).execute(&mut *transaction).await?;
    let query = "UPDATE api_keys SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL RETURNING id";
    let revoked: Vec<(String,)> = sqlx::query_as(query).bind(now).bind(&id).fetch_all(&mut *transaction).await?;
    change.commit(transaction, StatusCode::NO_CONTENT, None).await?;
    for (key,) in revoked {
        app.access.forget(&key);
    }
    super::totals::refresh(&app.database).await;
    Ok(StatusCode::NO_CONTENT)
}
