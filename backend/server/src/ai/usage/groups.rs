//! Groups of calls, read by one statement.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::Add;

use belfry_ledger::PicoDollars;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::range::Range;
use crate::ai::budget::period::date_of;
use crate::ai::ledger::rows::{SUM_UNIT, joined};
use crate::database::Database;
use crate::error::{Error, Result};

/// The most groups, over all pages.
const MAX_GROUPS: usize = 50_000;

/// Days are put together from these pieces: every zone is a whole number of them away from UTC.
const QUARTER_HOUR: i64 = 900_000_000;

/// By what calls are put into groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GroupBy {
    /// The day they were reserved.
    Day,
    /// What for.
    Operation,
    /// The model that was asked for.
    Model,
    /// The provider that answered, as it named itself; null where none did.
    Provider,
    /// The user; null for the system's own.
    User,
}

/// What some calls add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupSums {
    pub calls: i64,
    pub failed_calls: i64,
    pub unpriced_calls: i64,
    pub unknown_cost_calls: i64,
    pub uncached_prompt_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub visible_output_tokens: i64,
    pub reasoning_tokens: i64,
    pub total_tokens: i64,
    pub cost: PicoDollars,
    pub counted: PicoDollars,
}

/// Some calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// What they have in common.
    pub key: Option<String>,
    pub sums: GroupSums,
}

impl GroupBy {
    fn key(self) -> String {
        match self {
            // As text, like the others.
            Self::Day => format!("CAST(created_at / {QUARTER_HOUR} AS TEXT)"),
            Self::Operation => "operation".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Provider => "provider".to_owned(),
            Self::User => "user_id".to_owned(),
        }
    }
}

/// The groups of the calls that were reserved in this range and have ended, by their keys, null first.
///
/// # Errors
/// 422 for more groups than can be shown, and those of the database.
pub(super) async fn read(database: &Database, by: GroupBy, range: Range, zone: &TimeZone) -> Result<Vec<Group>> {
    let key = by.key();
    let sums = [
        "COUNT(*)".to_owned(),
        count("outcome <> 'ok'"),
        count("pricing = 'unpriced'"),
        count("pricing = 'unknown'"),
        sum("uncached_prompt_tokens"),
        sum("cache_read_tokens"),
        sum("cache_write_tokens"),
        sum("visible_output_tokens"),
        sum("reasoning_tokens"),
        sum("total_tokens"),
        sum(&format!("cost_pico / {SUM_UNIT}")),
        sum(&format!("cost_pico % {SUM_UNIT}")),
        sum(&format!("counted_pico / {SUM_UNIT}")),
        sum(&format!("counted_pico % {SUM_UNIT}")),
    ];
    let sql = format!(
        "SELECT {key}, {} FROM ai_usage WHERE outcome IS NOT NULL AND created_at >= $1 AND created_at < $2 \
         GROUP BY {key} LIMIT {}",
        sums.join(", "),
        MAX_GROUPS + 1
    );
    let to = range.to.unwrap_or(i64::MAX);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(range.from).bind(to).fetch_all(&database.pool).await?;
    if rows.len() > MAX_GROUPS {
        let detail = format!("found more than {MAX_GROUPS} groups, expected fewer: ask for a shorter time");
        return Err(Error::invalid("too_many_groups", detail));
    }
    let mut groups: BTreeMap<Option<String>, GroupSums> = BTreeMap::new();
    for row in rows {
        let key: Option<String> = row.try_get(0)?;
        let key = match by {
            GroupBy::Day => key.and_then(|quarter| Some(day_of(quarter.parse().ok()?, zone))),
            _ => key,
        };
        let group = groups.entry(key).or_default();
        *group = *group + GroupSums::from_row(&row)?;
    }
    Ok(groups.into_iter().map(|(key, sums)| Group { key, sums }).collect())
}

fn day_of(quarter_hour: i64, zone: &TimeZone) -> String {
    date_of(quarter_hour.saturating_mul(QUARTER_HOUR), zone).to_string()
}

fn count(condition: &str) -> String {
    sum(&format!("CASE WHEN {condition} THEN 1 ELSE 0 END"))
}

/// PostgreSQL's sum of big integers is a decimal number, which the driver for both engines does not read.
fn sum(of: &str) -> String {
    format!("CAST(COALESCE(SUM({of}), 0) AS BIGINT)")
}

impl GroupSums {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            calls: row.try_get(1)?,
            failed_calls: row.try_get(2)?,
            unpriced_calls: row.try_get(3)?,
            unknown_cost_calls: row.try_get(4)?,
            uncached_prompt_tokens: row.try_get(5)?,
            cache_read_tokens: row.try_get(6)?,
            cache_write_tokens: row.try_get(7)?,
            visible_output_tokens: row.try_get(8)?,
            reasoning_tokens: row.try_get(9)?,
            total_tokens: row.try_get(10)?,
            cost: joined(row.try_get(11)?, row.try_get(12)?),
            counted: joined(row.try_get(13)?, row.try_get(14)?),
        })
    }
}

impl Add for GroupSums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            failed_calls: self.failed_calls + other.failed_calls,
            unpriced_calls: self.unpriced_calls + other.unpriced_calls,
            unknown_cost_calls: self.unknown_cost_calls + other.unknown_cost_calls,
            uncached_prompt_tokens: self.uncached_prompt_tokens + other.uncached_prompt_tokens,
            cache_read_tokens: self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens + other.cache_write_tokens,
            visible_output_tokens: self.visible_output_tokens + other.visible_output_tokens,
            reasoning_tokens: self.reasoning_tokens + other.reasoning_tokens,
            total_tokens: self.total_tokens + other.total_tokens,
            cost: self.cost + other.cost,
            counted: self.counted + other.counted,
        }
    }
}

impl Sum for GroupSums {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), Add::add)
    }
}
