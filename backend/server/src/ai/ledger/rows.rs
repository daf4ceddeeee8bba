//! The SQL of the ledger. Sums are exact on both databases: SQLite refuses a sum beyond 64 bits, so that amounts are summed up
//! in two parts, the thousand millions and the rest.

use std::time::Duration;

use belfry_ledger::{PicoDollars, Report};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::PlannedCall;
use super::cost::Cost;
use crate::ai::budget::Sums;
use crate::database::{Database, Engine, now_micros};
use crate::error::Result;
use crate::labels::Pricing;

/// Where an amount is cut in two for sums. Each part of a sum of 9,000,000,000 rows fits 64 bits.
pub const SUM_UNIT: i64 = 1_000_000_000;

/// Texts of a provider are kept up to this length.
const MAX_TEXT_CHARACTERS: usize = 200;

/// A row as it is when its call is about to be made.
pub(super) struct NewRow<'a> {
    pub id: &'a str,
    pub created_at: i64,
    pub expires_at: i64,
    pub call: &'a PlannedCall,
    /// As it would be if all goes well.
    pub pricing: Pricing,
    pub worst_case: PicoDollars,
}

/// What is written of a call that has ended.
pub(super) struct End<'a> {
    pub cost: &'a Cost,
    pub report: Option<&'a Report>,
    pub latency: Duration,
}

/// A sum of amounts, from its two parts.
pub fn joined(thousand_millions: i64, rest: i64) -> PicoDollars {
    PicoDollars::new(i128::from(thousand_millions) * i128::from(SUM_UNIT) + i128::from(rest))
}

/// Makes everybody else who reserves wait until this transaction ends. It has to be its first statement: SQLite lets nobody
/// write who has read before another wrote.
pub(super) async fn lock(transaction: &mut AnyConnection) -> Result<()> {
    let lock = "UPDATE ai_budget_lock SET locked_at = $1 WHERE id = 1";
    sqlx::query(lock).bind(now_micros()).execute(transaction).await?;
    Ok(())
}

/// What the calls reserved since this time count, all of them or those of a user. There is no end to it: a row that another
/// server has dated into the future is not left out.
pub async fn sums_since(connection: &mut AnyConnection, since: i64, user_id: Option<&str>) -> Result<Sums> {
    let part = |of: &str, condition: &str| {
        format!(
            "CAST(COALESCE(SUM(CASE WHEN outcome IS {condition} THEN counted_pico {of} {SUM_UNIT} ELSE 0 END), 0) AS BIGINT)"
        )
    };
    let parts = [part("/", "NOT NULL"), part("%", "NOT NULL"), part("/", "NULL"), part("%", "NULL")].join(", ");
    let of_user = if user_id.is_some() { "AND user_id = $2" } else { "" };
    let sql = format!("SELECT {parts} FROM ai_usage WHERE created_at >= $1 {of_user}");
    let mut query = sqlx::query_as::<_, (i64, i64, i64, i64)>(AssertSqlSafe(sql)).bind(since);
    if let Some(user_id) = user_id {
        query = query.bind(user_id);
    }
    let (spent, rest_spent, reserved, rest_reserved) = query.fetch_one(connection).await?;
    Ok(Sums { spent: joined(spent, rest_spent), reserved: joined(reserved, rest_reserved) })
}

/// Inserts the row of a call that is about to be made.
pub(super) async fn insert(connection: &mut AnyConnection, row: &NewRow<'_>) -> Result<()> {
    let NewRow { id, created_at, expires_at, call, pricing, worst_case } = row;
    let worst_case = worst_case.to_i64().unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO ai_usage (id, created_at, expires_at, user_id, operation, model, pricing, worst_case_pico, counted_pico) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(*id)
    .bind(*created_at)
    .bind(*expires_at)
    .bind(call.user_id.as_deref())
    .bind(<&str>::from(call.operation))
    .bind(kept(&call.model))
    .bind(<&str>::from(*pricing))
    .bind(worst_case)
    .bind(worst_case)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how a call has ended, also if its row has expired meanwhile. Written again, it changes nothing.
pub(super) async fn end(database: &Database, id: &str, end: &End<'_>) -> Result<()> {
    let End { cost, report, latency } = end;
    let usage = cost.usage.unwrap_or_default();
    let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let text = |text: Option<&str>| text.map(kept);
    sqlx::query(
        "UPDATE ai_usage SET outcome = $1, pricing = $2, cost_pico = $3, counted_pico = $4, price = $5, \
         uncached_prompt_tokens = $6, cache_read_tokens = $7, cache_write_tokens = $8, visible_output_tokens = $9, \
         reasoning_tokens = $10, total_tokens = $11, token_rule = $12, provider = $13, generation_id = $14, \
         provider_cost = $15, latency_ms = $16 \
         WHERE id = $17 AND (outcome IS NULL OR outcome = 'unknown')",
    )
    .bind(<&str>::from(cost.outcome))
    .bind(<&str>::from(cost.pricing))
    .bind(cost.cost.map(|cost| cost.to_i64().unwrap_or(i64::MAX)))
    .bind(cost.counted.to_i64().unwrap_or(i64::MAX))
    .bind(cost.price.as_deref())
    .bind(tokens(usage.uncached_prompt))
    .bind(tokens(usage.cache_read))
    .bind(tokens(usage.cache_writes()))
    .bind(tokens(usage.visible_output))
    .bind(tokens(usage.reasoning))
    .bind(tokens(usage.total()))
    .bind(cost.usage.and(*report).map(|report| report.shape.name()))
    .bind(text(report.and_then(|report| report.provider.as_deref())))
    .bind(text(report.and_then(|report| report.generation_id.as_deref())))
    .bind(text(report.and_then(|report| report.provider_cost.as_ref().map(|cost| cost.as_str()))))
    .bind(i64::try_from(latency.as_millis()).unwrap_or(i64::MAX))
    .bind(id)
    .execute(&database.pool)
    .await?;
    Ok(())
}

/// Writes that a call was not made.
pub(super) async fn take_back(database: &Database, id: &str) -> Result<()> {
    let take_back = "UPDATE ai_usage SET outcome = 'cancelled', pricing = 'free', cost_pico = 0, counted_pico = 0 \
        WHERE id = $1 AND (outcome IS NULL OR outcome = 'unknown')";
    sqlx::query(take_back).bind(id).execute(&database.pool).await?;
    Ok(())
}

/// Gives at most `limit` calls that should have ended before `now` the outcome `unknown`. Their worst case stays counted.
/// Returns id, operation, model and worst case of each.
pub(super) async fn expire(database: &Database, now: i64, limit: i64) -> Result<Vec<(String, String, String, i64)>> {
    // Rows that another server expires at the same moment are its own.
    let skip_locked = if database.engine == Engine::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE ai_usage SET outcome = 'unknown', pricing = CASE pricing WHEN 'priced' THEN 'unknown' ELSE pricing END, \
         cost_pico = CASE pricing WHEN 'free' THEN 0 END \
         WHERE outcome IS NULL AND id IN \
         (SELECT id FROM ai_usage WHERE outcome IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2 {skip_locked}) \
         RETURNING id, operation, model, worst_case_pico"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(now).bind(limit).fetch_all(&database.pool).await?)
}

/// A text from outside as it is stored. PostgreSQL refuses a NUL.
fn kept(text: &str) -> String {
    text.replace('\0', "\u{fffd}").chars().take(MAX_TEXT_CHARACTERS).collect()
}
