//! The user of admin keys that no user has asked for: `admin`.

use sqlx::AnyConnection;
use uuid::Uuid;

use crate::database::now_micros;
use crate::error::Result;

const NAME: &str = "admin";

/// The id of the active user `admin`, which is made if there is none.
pub(super) async fn admin_user(connection: &mut AnyConnection) -> Result<String> {
    let query = "INSERT INTO users (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let query = sqlx::query(query).bind(Uuid::now_v7().to_string()).bind(NAME).bind(now_micros());
    query.execute(&mut *connection).await?;
    let query = "SELECT id FROM users WHERE name = $1 AND deactivated_at IS NULL";
    Ok(sqlx::query_scalar(query).bind(NAME).fetch_one(connection).await?)
}
