//! When keys were last used, and on which days users were active: for each key one write a minute at most, and for each user one
//! a day, from each server. What is lost with a process is a minute of this.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quick_cache::sync::Cache;
use tracing::Instrument;

use super::known_key::KnownKey;
use crate::database::bounds::with_background_timeout;
use crate::database::{Database, micros, now_micros};
use crate::error::{Result, chain};

/// How far behind the last use that is on record may be.
const STEP: Duration = Duration::from_secs(60);

/// The most users in memory; of others the day is written more than once, which changes nothing.
const MOST: usize = 10_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The day of a time in microseconds since 1970, counted from 1970-01-01 UTC.
pub fn day_of(micros_since_1970: i64) -> i64 {
    micros_since_1970.div_euclid(micros(DAY))
}

/// What is on record.
pub(super) struct Usage {
    database: Database,
    active_on: Arc<Cache<String, i64>>,
}

impl Usage {
    pub(super) fn new(database: Database) -> Self {
        Self { database, active_on: Arc::new(Cache::new(MOST)) }
    }

    /// A key is used now. What is to be written is written beside the request.
    pub(super) fn note(&self, key: &Arc<KnownKey>) {
        let (now, last) = (now_micros(), key.last_used_at.load(Ordering::Relaxed));
        // Also when the clock was set back.
        if now.abs_diff(last) < STEP.as_micros() as u64 {
            return;
        }
        // Of many requests at once, one writes.
        if key.last_used_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let today = day_of(now);
        let new_day = (self.active_on.get(&key.user_id) != Some(today)).then_some(today);
        let (database, key, active_on) = (self.database.clone(), key.clone(), self.active_on.clone());
        let writing = async move {
            match (with_background_timeout(write(&database, &key, now, new_day)).await, new_day) {
                // Not before: a day that was not written is written with the next use.
                (Ok(()), Some(day)) => active_on.insert(key.user_id.clone(), day),
                (Ok(()), None) => {}
                (Err(error), _) => tracing::debug!(cause = chain(&error), "the use of a key was not written"),
            }
        };
        tokio::spawn(writing.in_current_span());
    }
}

async fn write(database: &Database, key: &KnownKey, now: i64, active_on: Option<i64>) -> Result<()> {
    // Another server may have written a moment ago.
    sqlx::query("UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)")
        .bind(now)
        .bind(&key.id)
        .bind(now - micros(STEP))
        .execute(&database.pool)
        .await?;
    if let Some(day) = active_on {
        sqlx::query("INSERT INTO user_days (day, user_id) VALUES ($1, $2) ON CONFLICT (day, user_id) DO NOTHING")
            .bind(day)
            .bind(&key.user_id)
            .execute(&database.pool)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_utc() {
        let at = |text: &str| day_of(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        assert_eq!(
            (at("1970-01-01T00:00:00Z"), at("1970-01-01T23:59:59.999999Z"), at("1970-01-02T00:00:00Z")),
            (0, 0, 1)
        );
        assert_eq!(at("2026-03-29T01:59:59+02:00") + 1, at("2026-03-29T02:00:00+02:00"));
    }
}
