//! The row of a job in `jobs`: when it is next due and which run holds it. Each change is one guarded statement, so of
//! several servers on one database exactly one makes it.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::Job;
use super::plan::{Plan, ROW_SEPARATOR};
use super::record::{self, SILENCE, SKEW, micros};
use crate::alerts;
use crate::database::{Database, now_micros};
use crate::error::Result;

/// There are as many rows as jobs, and for those about a folder as folders.
pub(super) const ALL: &str = "SELECT job_name, next_due_at, holder, lease_until, waiting FROM jobs";

/// A job's row as it was read.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// The row: see [`Plan::row`].
    pub(super) row: String,
    pub(super) next_due_at: i64,
    /// The run under way.
    pub(super) holder: Option<String>,
    pub(super) lease_until: Option<i64>,
    waiting: i64,
}

impl FromRow<'_, AnyRow> for Turn {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            row: row.try_get("job_name")?,
            next_due_at: row.try_get("next_due_at")?,
            holder: row.try_get("holder")?,
            lease_until: row.try_get("lease_until")?,
            waiting: row.try_get("waiting")?,
        })
    }
}

impl Turn {
    /// The rows of all jobs.
    pub(super) async fn all(database: &Database) -> Result<Vec<Self>> {
        Ok(sqlx::query_as(ALL).fetch_all(&database.pool).await?)
    }

    /// Whether the run that holds the job is silent for too long. A lease further ahead than any that is written now
    /// stems from a clock that was put back.
    pub(super) fn is_abandoned(&self, now: i64) -> bool {
        let lease = self.lease_until.unwrap_or(0);
        lease <= now || lease > now + micros(SILENCE + SKEW)
    }

    /// Whether the job runs again as soon as the run under way has ended.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting != 0
    }

    /// Puts the turn to another time.
    pub(super) async fn put_off(&self, database: &Database, until: i64) -> Result<bool> {
        let put_off = sqlx::query("UPDATE jobs SET next_due_at = $1 WHERE job_name = $2 AND next_due_at = $3")
            .bind(until)
            .bind(&self.row)
            .bind(self.next_due_at)
            .execute(&database.pool)
            .await?;
        Ok(put_off.rows_affected() > 0)
    }

    /// Lets the turn wait for the end of the run under way.
    pub(super) async fn wait(&self, database: &Database) -> Result<bool> {
        let waits = sqlx::query("UPDATE jobs SET waiting = 1 WHERE job_name = $1 AND next_due_at = $2 AND waiting = 0")
            .bind(&self.row)
            .bind(self.next_due_at)
            .execute(&database.pool)
            .await?;
        Ok(waits.rows_affected() > 0)
    }

    /// Takes the turn unless someone else was quicker, and begins its run in the process `instance`. Returns the run's id.
    pub(super) async fn take(
        &self,
        database: &Database,
        job: Job,
        next: i64,
        instance: &str,
    ) -> Result<Option<String>> {
        let id = Uuid::now_v7().to_string();
        let mut transaction = database.begin().await?;
        let taken = sqlx::query(
            "UPDATE jobs SET holder = $1, lease_until = $2, next_due_at = $3, waiting = 0 \
             WHERE job_name = $4 AND next_due_at = $5 AND holder IS NULL",
        )
        .bind(&id)
        .bind(now_micros() + micros(SILENCE))
        .bind(next)
        .bind(&self.row)
        .bind(self.next_due_at)
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            return Ok(None);
        }
        record::begin(&mut transaction, job, &id, instance).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }
}

/// Enters a job that was never seen before; a known one keeps its time.
pub(super) async fn introduce(database: &Database, plan: &Plan, first: i64) -> Result<()> {
    sqlx::query("INSERT INTO jobs (job_name, next_due_at) VALUES ($1, $2) ON CONFLICT (job_name) DO NOTHING")
        .bind(&plan.row)
        .bind(first)
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// Makes the job due now, or at the end of the run under way: that one may have begun before what it is asked for. A
/// server that has just started may not have entered its jobs yet.
pub(super) async fn ask(database: &Database, plan: &Plan) -> Result<()> {
    sqlx::query(
        "INSERT INTO jobs (job_name, next_due_at, waiting) VALUES ($1, $2, 1) \
         ON CONFLICT (job_name) DO UPDATE SET next_due_at = excluded.next_due_at, waiting = 1, failures = 0",
    )
    .bind(&plan.row)
    .bind(now_micros())
    .execute(&database.pool)
    .await?;
    Ok(())
}

/// What was forgotten with data folders.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forgotten {
    pub(super) jobs: usize,
    /// Open alerts of these jobs, which nobody else would ever resolve.
    pub(super) alerts: usize,
}

/// Forgets the jobs of data folders that have had no server since `time`, which is `kept` ago, and resolves their alerts.
pub(super) async fn forget_folders(database: &Database, time: i64, kept: Duration) -> Result<Forgotten> {
    let query = format!(
        "DELETE FROM jobs WHERE job_name LIKE '%{ROW_SEPARATOR}%' AND next_due_at < $1 AND holder IS NULL \
         RETURNING job_name"
    );
    let why = format!("resolved because its data folder has had no server for {}", humantime::format_duration(kept));
    let mut transaction = database.begin().await?;
    let rows: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(time).fetch_all(&mut *transaction).await?;
    let mut resolved = Vec::new();
    for row in &rows {
        resolved.extend(alerts::close_all_of(&mut transaction, row, &why).await?);
    }
    transaction.commit().await?;
    let forgotten = Forgotten { jobs: rows.len(), alerts: resolved.len() };
    resolved.into_iter().for_each(alerts::Closed::emit);
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::jobs::reaper;
    use belfry_telemetry::jobs::{Ended, JobRun};

    use crate::alerts::{Finding, Severity};
    use crate::config::Config;
    use crate::database::testing;

    const JOB: Job = Job::BusinessSnapshot;

    async fn read(database: &Database) -> Turn {
        Turn::all(database).await.unwrap().into_iter().find(|turn| turn.row == JOB.name()).unwrap()
    }

    fn plan() -> Plan {
        JOB.plan(&Config::read([("JOBS__RETRIES".to_owned(), "1".to_owned())]).unwrap(), "")
    }

    async fn end(database: &Database, id: &str, how: impl FnOnce(JobRun) -> Ended) {
        assert!(record::end(database, &plan(), id, &how(JobRun::begin(JOB.name()))).await.unwrap());
    }

    fn fail(run: JobRun) -> Ended {
        run.failed("no room")
    }

    #[tokio::test]
    async fn a_turn_is_taken_once_and_one_that_waits_comes_when_the_run_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        introduce(&database, &plan(), 1_000).await.unwrap();
        let turn = read(&database).await;
        let id = turn.take(&database, JOB, 2_000, "this").await.unwrap().expect("it is free");
        assert!(turn.take(&database, JOB, 2_000, "this").await.unwrap().is_none(), "it was taken twice");

        let next = read(&database).await;
        assert_eq!((next.next_due_at, next.holder.as_deref()), (2_000, Some(id.as_str())));
        assert!(next.wait(&database).await.unwrap());
        assert!(!next.wait(&database).await.unwrap(), "one turn is one overlap");
        assert!(next.take(&database, JOB, 3_000, "this").await.unwrap().is_none(), "its run is under way");
        end(&database, &id, JobRun::succeeded).await;
        let waiting = read(&database).await;
        assert!(waiting.is_waiting() && waiting.holder.is_none() && waiting.next_due_at == 2_000);
        assert!(waiting.take(&database, JOB, 3_000, "this").await.unwrap().is_some());
        assert!(!read(&database).await.is_waiting());
    }

    #[tokio::test]
    async fn a_job_that_is_asked_for_before_it_was_entered_is_due_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        ask(&database, &plan()).await.unwrap();
        introduce(&database, &plan(), i64::MAX).await.unwrap();
        assert!(read(&database).await.next_due_at <= now_micros());
    }

    #[tokio::test]
    async fn a_failed_run_is_repeated_as_often_as_planned() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let later = now_micros() + 3_600_000_000;
        introduce(&database, &plan(), 1_000).await.unwrap();
        let id = read(&database).await.take(&database, JOB, later, "this").await.unwrap().unwrap();
        end(&database, &id, fail).await;
        let repeated = read(&database).await;
        assert!(repeated.next_due_at < now_micros() + 11_000_000, "not brought nearer");
        let id = repeated.take(&database, JOB, later, "this").await.unwrap().unwrap();
        end(&database, &id, fail).await;
        assert_eq!(read(&database).await.next_due_at, later, "one repetition was planned");
    }

    #[tokio::test]
    async fn an_end_whose_answer_was_lost_is_known_for_ones_own_and_that_of_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let totals = || async {
            let query = "SELECT successful, failed, aborted FROM job_totals WHERE job_name = $1";
            let totals = sqlx::query_as(query).bind(JOB.name()).fetch_one(&database.pool);
            let totals: (i64, i64, i64) = totals.await.unwrap();
            totals
        };
        introduce(&database, &plan(), 1_000).await.unwrap();
        let id = read(&database).await.take(&database, JOB, 2_000, "this").await.unwrap().unwrap();
        let (succeeded, failed) = (JobRun::begin(JOB.name()).succeeded(), fail(JobRun::begin(JOB.name())));
        assert!(record::end(&database, &plan(), &id, &succeeded).await.unwrap());
        assert!(record::end(&database, &plan(), &id, &succeeded).await.unwrap(), "the first try was taken");
        assert!(!record::end(&database, &plan(), &id, &failed).await.unwrap());
        assert_eq!(totals().await, (1, 0, 0));

        let id = read(&database).await.take(&database, JOB, 3_000, "this").await.unwrap().unwrap();
        assert!(reaper::abort(&database, JOB.name(), Some(&plan()), &id).await.unwrap());
        assert!(!record::end(&database, &plan(), &id, &succeeded).await.unwrap(), "it was declared dead");
        assert_eq!(totals().await, (1, 0, 1));
    }

    #[tokio::test]
    async fn jobs_of_a_folder_without_a_server_are_forgotten_with_their_alerts_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let config = Config::read([]).unwrap();
        let of_folder = |folder| Job::ResourceCheck.plan(&config, folder);
        introduce(&database, &plan(), 1_000).await.unwrap();
        introduce(&database, &of_folder("gone"), 1_000).await.unwrap();
        introduce(&database, &of_folder("here"), 3_000).await.unwrap();
        for source in ["resource_check@gone", "resource_check@here"] {
            let (name, severity) = ("DiskAlmostFull", Severity::Warning);
            let finding = Finding { name, severity, summary: "It is almost full.", description: "90 %", source };
            alerts::raise(&database, finding).await.unwrap();
        }
        let forgotten = forget_folders(&database, 2_000, Duration::from_secs(86_400)).await.unwrap();
        assert_eq!(forgotten, Forgotten { jobs: 1, alerts: 1 });
        let query = "SELECT source, description FROM alerts WHERE resolved_at IS NOT NULL";
        let resolved: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&database.pool).await.unwrap();
        let why = "90 %; resolved because its data folder has had no server for 1day";
        assert_eq!(resolved, [("resource_check@gone".to_owned(), why.to_owned())]);
        let mut left: Vec<_> = Turn::all(&database).await.unwrap().into_iter().map(|turn| turn.row).collect();
        left.sort();
        assert_eq!(left, [JOB.name(), "resource_check@here"]);
    }

    #[test]
    fn a_lease_from_a_clock_that_was_put_back_does_not_count() {
        let turn = |lease_until| Turn {
            row: JOB.name().to_owned(),
            next_due_at: 0,
            holder: Some(String::new()),
            lease_until,
            waiting: 0,
        };
        let now = now_micros();
        assert!(!turn(Some(now + micros(SILENCE))).is_abandoned(now));
        assert!(turn(Some(now)).is_abandoned(now));
        assert!(turn(Some(now + 3_600_000_000)).is_abandoned(now));
        assert!(turn(None).is_abandoned(now));
    }
}
