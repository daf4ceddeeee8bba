//! The table of datasets. A dataset exists from the moment its row is committed until the row is deleted or expires;
//! its file comes before and goes after.

use belfry_learning::profile::Column;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::ai::subject::parse_text;
use crate::ai::text::AiText;
use crate::database::{Database, Engine, bounds, now_micros, rfc3339};
use crate::error::{Error, Result};
use crate::request::is_id;
use crate::state::App;
use crate::storage;

const FIELDS: &str = "id, name, format, size_bytes, sha256, row_count, columns, storage_key, created_at, expires_at";

/// A dataset as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Dataset {
    /// UUIDv7.
    pub id: String,
    /// A label for people.
    pub name: String,
    /// `csv` or `csv.gz`.
    pub format: String,
    /// As it was sent.
    pub size_bytes: i64,
    /// Of the bytes as they were sent, in hexadecimal.
    pub sha256: String,
    /// Without the header.
    pub rows: i64,
    /// In the order of the header.
    pub columns: Vec<Column>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; none: never.
    pub expires_at: Option<String>,
    /// What a model wrote about it.
    pub description: Option<AiText>,
}

/// A dataset and what only this program needs to know of it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What the API shows.
    pub dataset: Dataset,
    /// Where its file is.
    pub storage_key: String,
    /// The same time as in `dataset`, in microseconds.
    pub created_at: i64,
}

/// A row as it is in the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub format: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub row_count: i64,
    pub columns: String,
    pub storage_key: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    /// JSON.
    pub description: Option<String>,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            format: row.try_get("format")?,
            size_bytes: row.try_get("size_bytes")?,
            sha256: row.try_get("sha256")?,
            row_count: row.try_get("row_count")?,
            columns: row.try_get("columns")?,
            storage_key: row.try_get("storage_key")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            description: row.try_get("description")?,
        })
    }
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let columns = serde_json::from_str(&row.columns).map_err(|error| {
            Error::Internal(anyhow::Error::new(error).context("a dataset's columns cannot be read"))
        })?;
        let dataset = Dataset {
            id: row.id,
            name: row.name,
            format: row.format,
            size_bytes: row.size_bytes,
            sha256: row.sha256,
            rows: row.row_count,
            columns,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
            description: parse_text(row.description.as_deref())?,
        };
        Ok(Self { dataset, storage_key: row.storage_key, created_at: row.created_at })
    }
}

/// The dataset with this id, unless it has expired.
pub async fn find(database: &Database, id: &str) -> Result<Option<Stored>> {
    if !is_id(id) {
        return Ok(None);
    }
    let query = format!(
        "SELECT {FIELDS}, description FROM datasets WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2) \
         AND removal_began_at IS NULL"
    );
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query)).bind(id).bind(now_micros());
    query.fetch_optional(&database.pool).await?.map(Stored::try_from).transpose()
}

/// At most `limit` datasets that have not expired, newest first, from `before` (time and id of the last one seen) on.
pub async fn page(database: &Database, before: Option<(i64, String)>, limit: i64) -> Result<Vec<Stored>> {
    let (created_at, id) = before.unwrap_or((i64::MAX, String::new()));
    let query = format!(
        "SELECT {FIELDS}, description FROM datasets WHERE (expires_at IS NULL OR expires_at > $1) AND removal_began_at IS NULL \
         AND (created_at < $2 OR (created_at = $2 AND id < $3)) ORDER BY created_at DESC, id DESC LIMIT $4"
    );
    let query = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query));
    let query = query.bind(now_micros()).bind(created_at).bind(id).bind(limit);
    query.fetch_all(&database.pool).await?.into_iter().map(Stored::try_from).collect()
}

/// Makes an uploaded file a dataset.
pub async fn insert(database: &Database, row: &Row) -> Result<()> {
    let query = format!("INSERT INTO datasets ({FIELDS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.format)
        .bind(row.size_bytes)
        .bind(&row.sha256)
        .bind(row.row_count)
        .bind(&row.columns)
        .bind(&row.storage_key)
        .bind(row.created_at)
        .bind(row.expires_at)
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// What became of a removal.
#[derive(Debug)]
pub enum Removal {
    /// The row is gone. `file` says whether the file is too; if not, it belongs to nobody and the clean-up finds it.
    Removed {
        /// Of the file.
        size_bytes: i64,
        /// What the file store said.
        file: storage::Result<()>,
    },
    /// A queued or running run needs it.
    InUse,
    /// There is none with this id, or it has expired.
    Missing,
}

/// Removes a dataset that no run needs: first its row, then its file.
pub async fn remove(app: &App, id: &str) -> Result<Removal> {
    if !is_id(id) {
        return Ok(Removal::Missing);
    }
    Ok(match bounds::with_request_timeout(delete(&app.database, id)).await? {
        Some((key, size_bytes)) => Removal::Removed { size_bytes, file: app.storage.delete(&key).await },
        None if bounds::with_request_timeout(find(&app.database, id)).await?.is_some() => Removal::InUse,
        None => Removal::Missing,
    })
}

/// Deletes the row of a dataset that no run needs. Returns its file's key and its size.
async fn delete(database: &Database, id: &str) -> Result<Option<(String, i64)>> {
    let mut transaction = database.begin().await?;
    if database.engine == Engine::Postgres {
        // Waits for a run that is being queued on this dataset. SQLite has one writer at a time.
        sqlx::query("SELECT id FROM datasets WHERE id = $1 FOR UPDATE").bind(id).execute(&mut *transaction).await?;
    }
    let delete = "DELETE FROM datasets WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2) AND NOT EXISTS \
        (SELECT 1 FROM runs WHERE dataset_id = $1 AND status IN ('queued', 'running')) \
        RETURNING storage_key, size_bytes";
    let delete = sqlx::query_as::<_, (String, i64)>(delete).bind(id).bind(now_micros());
    let deleted = delete.fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(deleted)
}
