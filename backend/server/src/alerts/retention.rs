//! What becomes of alerts in time.
//!
//! These statements change many rows while the webhook changes some of them in its transactions. On PostgreSQL both lock their rows in
//! the order of fingerprint and start, so that no two wait for each other.

use sqlx::AssertSqlSafe;

use super::received::{Changes, named};
use crate::database::{Database, Engine, now_micros};
use crate::error::Result;

/// Old alerts are forgotten this many at a time, so that no statement holds the database up.
const FORGET_BATCH: i64 = 1_000;

/// The end of a sub-select of rows that are changed: locks them in its order, and judges again what has changed during the wait.
/// SQLite has one writer.
fn for_update(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "ORDER BY fingerprint, raised_at FOR UPDATE",
        Engine::Sqlite => "",
    }
}

/// Deletes at most a batch of alerts that were resolved before `time`. Returns how many, and whether there may be more.
pub async fn forget_resolved_before(database: &Database, time: i64) -> Result<(u64, bool)> {
    let forget = format!(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE resolved_at < $1 AND id IN \
         (SELECT id FROM alerts WHERE resolved_at < $1 ORDER BY resolved_at LIMIT $2) {})",
        for_update(database.engine)
    );
    let forget = sqlx::query(AssertSqlSafe(forget)).bind(time).bind(FORGET_BATCH);
    let forgotten = forget.execute(&database.pool).await?.rows_affected();
    Ok((forgotten, forgotten == FORGET_BATCH.unsigned_abs()))
}

/// Resolves the open alerts of Alertmanager that it has not repeated since `time`: it has lost them, cannot reach this service, or
/// they are silenced or muted. Repeated again, they are open again. Returns how many.
pub async fn resolve_unreported_since(database: &Database, time: i64) -> Result<usize> {
    let resolve = format!(
        "UPDATE alerts SET resolved_at = $1, expired = 1, description = description || $2 WHERE id IN \
         (SELECT id FROM alerts WHERE resolved_at IS NULL AND fingerprint <> '' AND reported_at < $3 {}) \
         RETURNING name, severity",
        for_update(database.engine)
    );
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(resolve))
        .bind(now_micros())
        .bind("; resolved because Alertmanager has not repeated it")
        .bind(time)
        .fetch_all(&database.pool)
        .await?;
    let count = rows.len();
    Changes { raised: Vec::new(), resolved: named(rows)? }.emit();
    Ok(count)
}

#[cfg(test)]
mod tests {
    use belfry_test_support::{PATIENCE, eventually};

    use super::*;
    use crate::database::testing;

    /// Stores alerts `c`, `b` and `a` in this order, each resolved at this time or open.
    async fn store_backwards(database: &Database, resolved: [Option<i64>; 3]) {
        let insert = "INSERT INTO alerts (id, fingerprint, name, severity, summary, description, source, raised_at, reported_at, \
             resolved_at) VALUES ($1, $1, 'A', 'warning', '', '', '', 1, 1, $2)";
        for (fingerprint, resolved_at) in ["c", "b", "a"].into_iter().zip(resolved) {
            sqlx::query(insert).bind(fingerprint).bind(resolved_at).execute(&database.pool).await.unwrap();
        }
    }

    /// Waits until whoever waits for the lock on `b` has locked `a` and not `c`. SQLite has no such locks.
    async fn await_lock_of_a_alone(database: &Database) {
        if database.engine == Engine::Sqlite {
            return;
        }
        let unlocked = "SELECT fingerprint FROM alerts ORDER BY fingerprint FOR UPDATE SKIP LOCKED";
        eventually("only c is not locked", PATIENCE, async || {
            let found: Vec<String> = sqlx::query_scalar(unlocked).fetch_all(&database.pool).await.unwrap();
            if found == ["c"] { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }

    async fn fingerprints(database: &Database) -> Vec<String> {
        let sql = "SELECT fingerprint FROM alerts ORDER BY fingerprint";
        sqlx::query_scalar(sql).fetch_all(&database.pool).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_resolved_is_locked_in_the_webhooks_order() {
        let folder = tempfile::tempdir().unwrap();
        let [database, other] = testing::fresh_for_two(folder.path()).await;
        store_backwards(&database, [None; 3]).await;
        let mut webhook = other.begin().await.unwrap();
        let update = "UPDATE alerts SET reported_at = 9 WHERE fingerprint = 'b'";
        sqlx::query(update).execute(&mut *webhook).await.unwrap();
        let resolving = tokio::spawn(async move { resolve_unreported_since(&database, 5).await.unwrap() });
        await_lock_of_a_alone(&other).await;
        webhook.commit().await.unwrap();
        assert_eq!(resolving.await.unwrap(), 2, "b was reported meanwhile");
    }

    #[tokio::test]
    async fn what_is_opened_again_meanwhile_is_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let [database, other] = testing::fresh_for_two(folder.path()).await;
        store_backwards(&database, [Some(2), Some(3), Some(4)]).await;
        let mut webhook = other.begin().await.unwrap();
        let reopen = "UPDATE alerts SET resolved_at = NULL WHERE fingerprint = 'b'";
        sqlx::query(reopen).execute(&mut *webhook).await.unwrap();
        let forgetting = tokio::spawn(async move { forget_resolved_before(&database, 9).await.unwrap() });
        await_lock_of_a_alone(&other).await;
        webhook.commit().await.unwrap();
        assert_eq!(forgetting.await.unwrap(), (2, false));
        assert_eq!(fingerprints(&other).await, ["b"]);
    }
}
