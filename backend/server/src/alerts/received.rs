//! Stores the alerts of a notification: a few statements, however many alerts it has.
//!
//! An alert is known by its fingerprint and its start, so that the same notification, repeated or sent by another
//! Alertmanager of a cluster, changes nothing. Once resolved it stays so, since notifications may arrive out of order, unless
//! it was resolved here because it was not repeated.

use std::collections::HashSet;

use sqlx::any::AnyArguments;
use sqlx::query::{Query, QueryAs};
use sqlx::{Any, AssertSqlSafe};
use uuid::Uuid;

use super::ALERTMANAGER;
use super::notification::Received;
use crate::components::alerts::read_severity;
use crate::database::{Database, Engine, Transaction, now_micros, placeholders};
use crate::error::Result;
use crate::events::alert::{AlertRaised, AlertResolved};
use crate::labels::Severity;

/// Fewer placeholders than any database allows in one statement.
const ROWS_PER_STATEMENT: usize = 200;

/// The alerts that were raised or resolved: name and severity of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) raised: Vec<(String, Severity)>,
    pub(super) resolved: Vec<(String, Severity)>,
}

impl Changes {
    /// Counts and logs them, once they are committed.
    pub(super) fn emit(self) {
        for (name, severity) in self.raised {
            AlertRaised { name: &name, severity, source: ALERTMANAGER, description: "" }.emit();
        }
        for (name, severity) in self.resolved {
            AlertResolved { name: &name, severity, source: ALERTMANAGER }.emit();
        }
    }
}

/// Stores them, all or none.
pub(super) async fn store(database: &Database, received: &[Received]) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut transaction = database.begin().await?;
    // In one order in every transaction, so that no two wait for each other.
    for part in received.chunks(ROWS_PER_STATEMENT) {
        let new = insert(&mut transaction, part).await?;
        let key = |alert: &&Received| (alert.fingerprint.clone(), alert.starts_at);
        let (new, known): (Vec<&Received>, Vec<&Received>) = part.iter().partition(|alert| new.contains(&key(alert)));
        lock(&mut transaction, database.engine, part).await?;
        let (ended, firing): (Vec<&Received>, Vec<&Received>) =
            known.into_iter().partition(|alert| alert.resolved_at.is_some());
        let named = |alert: &&Received| (alert.name.clone(), alert.severity);
        changes.raised.extend(new.iter().map(named));
        changes.resolved.extend(new.iter().filter(|alert| alert.resolved_at.is_some()).map(named));
        changes.raised.extend(reopen(&mut transaction, &firing).await?);
        update(&mut transaction, &firing).await?;
        changes.resolved.extend(resolve(&mut transaction, &ended).await?);
        changes.resolved.extend(resolve_superseded(&mut transaction, part).await?);
    }
    transaction.commit().await?;
    Ok(changes)
}

/// Inserts those that are not known yet, and returns which these are.
async fn insert(transaction: &mut Transaction, alerts: &[Received]) -> Result<HashSet<(String, i64)>> {
    let sql = format!(
        "INSERT INTO alerts (id, fingerprint, name, severity, summary, description, labels, runbook_url, dashboard_url, \
         source, raised_at, reported_at, resolved_at) VALUES {} \
         ON CONFLICT DO NOTHING RETURNING fingerprint, raised_at",
        values::<13>(alerts.len())
    );
    let mut query: QueryAs<'_, Any, (String, i64), AnyArguments> = sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    let now = now_micros();
    for alert in alerts {
        query = query
            .bind(Uuid::now_v7().to_string())
            .bind(&alert.fingerprint)
            .bind(&alert.name)
            .bind(<&str>::from(alert.severity))
            .bind(&alert.summary)
            .bind(&alert.description)
            .bind(&alert.labels)
            .bind(&alert.runbook_url)
            .bind(&alert.dashboard_url)
            .bind(ALERTMANAGER)
            .bind(alert.starts_at)
            .bind(now)
            .bind(alert.resolved_at);
    }
    Ok(query.fetch_all(&mut **transaction).await?.into_iter().collect())
}

/// PostgreSQL updates rows in no certain order, and two that wait for each other's would be ended by it. SQLite has one writer.
async fn lock(transaction: &mut Transaction, engine: Engine, alerts: &[Received]) -> Result<()> {
    if engine == Engine::Sqlite {
        return Ok(());
    }
    let places = placeholders(1, alerts.len());
    let sql = format!(
        "SELECT id FROM alerts WHERE fingerprint IN ({places}) AND (resolved_at IS NULL OR expired = 1) \
         ORDER BY fingerprint, raised_at FOR UPDATE"
    );
    let mut query: Query<'_, Any, AnyArguments> = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for alert in alerts {
        query = query.bind(&alert.fingerprint);
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Opens again what was resolved because it was not repeated, as while it was silenced.
async fn reopen(transaction: &mut Transaction, firing: &[&Received]) -> Result<Vec<(String, Severity)>> {
    if firing.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "UPDATE alerts SET resolved_at = NULL, expired = 0 FROM (VALUES {}) AS reported \
         WHERE alerts.fingerprint = reported.column1 AND alerts.raised_at = reported.column2 AND alerts.expired = 1 \
         RETURNING alerts.name, alerts.severity",
        values::<2>(firing.len())
    );
    let mut query: QueryAs<'_, Any, (String, String), AnyArguments> =
        sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    for alert in firing {
        query = query.bind(&alert.fingerprint).bind(alert.starts_at);
    }
    named(query.fetch_all(&mut **transaction).await?)
}

/// Brings what is still open up to date.
async fn update(transaction: &mut Transaction, firing: &[&Received]) -> Result<()> {
    if firing.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE alerts SET severity = reported.column3, summary = reported.column4, description = reported.column5, \
         reported_at = reported.column6 FROM (VALUES {}) AS reported \
         WHERE alerts.fingerprint = reported.column1 AND alerts.raised_at = reported.column2 AND alerts.resolved_at IS NULL",
        values::<6>(firing.len())
    );
    let mut query: Query<'_, Any, AnyArguments> = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let now = now_micros();
    for alert in firing {
        query = query
            .bind(&alert.fingerprint)
            .bind(alert.starts_at)
            .bind(<&str>::from(alert.severity))
            .bind(&alert.summary)
            .bind(&alert.description)
            .bind(now);
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

async fn resolve(transaction: &mut Transaction, ended: &[&Received]) -> Result<Vec<(String, Severity)>> {
    let of_its_start = "alerts.raised_at = reported.column2";
    let rows = ended
        .iter()
        .map(|alert| (alert.fingerprint.as_str(), alert.starts_at, alert.resolved_at.unwrap_or(alert.starts_at)));
    resolve_where(transaction, of_its_start, rows.collect()).await
}

/// Resolves what is open and began before what is reported now: its own end was never reported.
async fn resolve_superseded(transaction: &mut Transaction, alerts: &[Received]) -> Result<Vec<(String, Severity)>> {
    let rows = alerts.iter().map(|alert| (alert.fingerprint.as_str(), alert.starts_at, alert.starts_at));
    resolve_where(transaction, "alerts.raised_at < reported.column2", rows.collect()).await
}

/// Resolves the open alerts of each fingerprint and start that meet the condition, at the third value.
async fn resolve_where(
    transaction: &mut Transaction,
    condition: &str,
    rows: Vec<(&str, i64, i64)>,
) -> Result<Vec<(String, Severity)>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "UPDATE alerts SET resolved_at = reported.column3 FROM (VALUES {}) AS reported \
         WHERE alerts.fingerprint = reported.column1 AND {condition} AND alerts.resolved_at IS NULL \
         RETURNING alerts.name, alerts.severity",
        values::<3>(rows.len())
    );
    let mut query: QueryAs<'_, Any, (String, String), AnyArguments> =
        sqlx::query_as(AssertSqlSafe(sql)).persistent(false);
    for (fingerprint, starts_at, resolved_at) in rows {
        query = query.bind(fingerprint).bind(starts_at).bind(resolved_at);
    }
    named(query.fetch_all(&mut **transaction).await?)
}

/// Names and severities, as they are stored.
pub(super) fn named(rows: Vec<(String, String)>) -> Result<Vec<(String, Severity)>> {
    rows.into_iter().map(|(name, severity)| Ok((name, read_severity(&severity)?))).collect()
}

/// The placeholders of `rows` rows of `COLUMNS` values: `($1, $2), ($3, $4)`.
fn values<const COLUMNS: usize>(rows: usize) -> String {
    let row = |row: usize| format!("({})", placeholders(row * COLUMNS + 1, COLUMNS));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::testing;

    fn alert(fingerprint: &str, starts_at: i64, resolved_at: Option<i64>) -> Received {
        Received {
            fingerprint: fingerprint.to_owned(),
            name: "HttpErrorsHigh".to_owned(),
            severity: Severity::Critical,
            summary: "Too many".to_owned(),
            description: format!("from {starts_at}"),
            labels: "{}".to_owned(),
            runbook_url: String::new(),
            dashboard_url: String::new(),
            starts_at,
            resolved_at,
        }
    }

    /// How many were raised and resolved by this notification.
    async fn reported(database: &Database, alerts: &[Received]) -> (usize, usize) {
        let Changes { raised, resolved } = store(database, alerts).await.unwrap();
        (raised.len(), resolved.len())
    }

    async fn rows(database: &Database) -> Vec<(String, i64, Option<i64>)> {
        let query = "SELECT fingerprint, raised_at, resolved_at FROM alerts ORDER BY fingerprint, raised_at";
        sqlx::query_as(query).fetch_all(&database.pool).await.unwrap()
    }

    #[tokio::test]
    async fn an_alert_is_stored_once_and_ends_once() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        assert_eq!(reported(&database, &[alert("a", 10, None), alert("b", 10, None)]).await, (2, 0));
        assert_eq!(reported(&database, &[alert("a", 10, None), alert("b", 10, None)]).await, (0, 0));
        assert_eq!(reported(&database, &[alert("a", 10, Some(20)), alert("b", 10, None)]).await, (0, 1));
        assert_eq!(reported(&database, &[alert("a", 10, Some(30))]).await, (0, 0));
        assert_eq!(reported(&database, &[alert("a", 10, None)]).await, (0, 0), "a late notification opens nothing");
        let expected = [("a".to_owned(), 10, Some(20)), ("b".to_owned(), 10, None)];
        assert_eq!(rows(&database).await, expected);
    }

    #[tokio::test]
    async fn an_end_that_was_missed_is_made_up_for() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        assert_eq!(reported(&database, &[alert("a", 10, None)]).await, (1, 0));
        assert_eq!(reported(&database, &[alert("a", 50, None)]).await, (1, 1), "it fires anew");
        assert_eq!(reported(&database, &[alert("b", 10, Some(20))]).await, (1, 1), "its start was never reported");
        let expected = [("a".to_owned(), 10, Some(50)), ("a".to_owned(), 50, None), ("b".to_owned(), 10, Some(20))];
        assert_eq!(rows(&database).await, expected);
    }

    #[tokio::test]
    async fn what_was_not_repeated_is_open_again_once_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        assert_eq!(reported(&database, &[alert("a", 10, None), alert("b", 10, Some(20))]).await, (2, 1));
        assert_eq!(super::super::resolve_unreported_since(&database, now_micros() + 1).await.unwrap(), 1);
        assert_eq!(super::super::resolve_unreported_since(&database, now_micros() + 1).await.unwrap(), 0);
        assert_eq!(reported(&database, &[alert("a", 10, None), alert("b", 10, None)]).await, (1, 0));
        let expected = [("a".to_owned(), 10, None), ("b".to_owned(), 10, Some(20))];
        assert_eq!(rows(&database).await, expected);
    }

    #[tokio::test]
    async fn what_is_reported_again_brings_the_text_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        reported(&database, &[alert("a", 10, None)]).await;
        let mut changed = alert("a", 10, None);
        (changed.description, changed.severity) = ("worse".to_owned(), Severity::Warning);
        reported(&database, &[changed]).await;
        let found: Vec<(String, String)> =
            sqlx::query_as("SELECT severity, description FROM alerts").fetch_all(&database.pool).await.unwrap();
        assert_eq!(found, [("warning".to_owned(), "worse".to_owned())]);
    }

    #[tokio::test]
    async fn as_many_as_a_notification_may_have_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let many: Vec<_> = (0..1_000).map(|number| alert(&format!("{number:04x}"), 10, None)).collect();
        assert_eq!(reported(&database, &many).await, (1_000, 0));
        let ended: Vec<_> = (0..1_000).map(|number| alert(&format!("{number:04x}"), 10, Some(20))).collect();
        assert_eq!(reported(&database, &ended).await, (0, 1_000));
    }
}
