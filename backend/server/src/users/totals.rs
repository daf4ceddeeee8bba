//! How many users there are, and how many were active lately. Every instance reads them from the database, so all say the same.

use crate::components::access::day_of;
use crate::database::{Database, bounds, now_micros};
use crate::events::auth::UserTotals;

/// Counts and emits. A failure is logged and removes the gauges from the exposition: the last count may be wrong by now.
pub async fn refresh(database: &Database) {
    let totals = bounds::with_request_timeout(async { Ok(count(database).await?) }).await;
    if let Err(error) = &totals {
        tracing::warn!(cause = crate::error::chain(error), "counting users failed");
    }
    UserTotals::emit(totals.ok());
}

/// Counts the users that are not deactivated, and whoever was active today, in the last seven and in the last thirty days (UTC).
pub async fn count(database: &Database) -> sqlx::Result<UserTotals> {
    count_at(database, now_micros()).await
}

async fn count_at(database: &Database, now: i64) -> sqlx::Result<UserTotals> {
    let today = day_of(now);
    let active = async |days: i64| -> sqlx::Result<i64> {
        let query = "SELECT COUNT(DISTINCT user_id) FROM user_days WHERE day > $1 AND day <= $2";
        sqlx::query_scalar(query).bind(today - days).bind(today).fetch_one(&database.pool).await
    };
    let query = "SELECT COUNT(*) FROM users WHERE deactivated_at IS NULL";
    Ok(UserTotals {
        users: sqlx::query_scalar(query).fetch_one(&database.pool).await?,
        daily: active(1).await?,
        weekly: active(7).await?,
        monthly: active(30).await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::testing;

    #[tokio::test]
    async fn each_user_counts_once_in_each_period() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let midnight: jiff::Timestamp = "2026-03-31T00:00:00Z".parse().unwrap();
        let today = day_of(midnight.as_microsecond());
        for (user, age) in [("a", 0), ("a", 1), ("b", 6), ("b", 5), ("c", 7), ("d", 29), ("e", 30), ("f", -1)] {
            let query = "INSERT INTO user_days (day, user_id) VALUES ($1, $2)";
            sqlx::query(query).bind(today - age).bind(user).execute(&database.pool).await.unwrap();
        }
        for (id, deactivated_at) in [("1", None), ("2", Some(1_i64))] {
            let query = "INSERT INTO users (id, name, created_at, deactivated_at) VALUES ($1, 'n', 0, $2)";
            sqlx::query(query).bind(id).bind(deactivated_at).execute(&database.pool).await.unwrap();
        }
        let found = count_at(&database, midnight.as_microsecond()).await.unwrap();
        assert_eq!(found, UserTotals { users: 1, daily: 1, weekly: 2, monthly: 4 });
        // A microsecond earlier it is yesterday, and who comes today has not come.
        let found = count_at(&database, midnight.as_microsecond() - 1).await.unwrap();
        assert_eq!(found, UserTotals { users: 1, daily: 1, weekly: 3, monthly: 5 });
    }
}
