//! The row of a job in `jobs`: when it is next due and which run has claimed it. Each change is one guarded statement, so
//! of several servers on one database exactly one makes it.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use uuid::Uuid;

use super::history;
use super::plan::ROW_SEPARATOR;
use crate::database::{Database, Transaction, now_micros};
use crate::error::Result;
use crate::leases::{HEARTBEAT_TIMEOUT, ValidLease, lease_until};

/// There are as many rows as jobs, and for those about a folder as folders.
pub(super) const ALL: &str = "SELECT job_name, next_due_at, holder, lease_until, waiting FROM jobs";

/// A job's row as it was read.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    /// The row: see [`super::plan::Plan::row`].
    pub(super) name: String,
    pub(super) next_due_at: i64,
    /// The run that has claimed the job.
    pub(super) holder: Option<String>,
    pub(super) lease_until: Option<i64>,
    waiting: i64,
}

impl FromRow<'_, AnyRow> for JobRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.try_get("job_name")?,
            next_due_at: row.try_get("next_due_at")?,
            holder: row.try_get("holder")?,
            lease_until: row.try_get("lease_until")?,
            waiting: row.try_get("waiting")?,
        })
    }
}

impl JobRow {
    /// The rows of all jobs.
    pub(super) async fn read_all(database: &Database) -> Result<Vec<Self>> {
        Ok(sqlx::query_as(ALL).fetch_all(&database.pool).await?)
    }

    /// Whether the lease of the run that has claimed the job has expired.
    pub(super) fn has_expired(&self, now: i64) -> bool {
        ValidLease::of_jobs(now).has_expired(self.lease_until.unwrap_or(0))
    }

    /// Whether the job runs again as soon as the run in flight has ended.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting != 0
    }

    /// Puts the next due time off. Returns false if another server was quicker.
    pub(super) async fn postpone(&self, database: &Database, until: i64) -> Result<bool> {
        let postponed = sqlx::query("UPDATE jobs SET next_due_at = $1 WHERE job_name = $2 AND next_due_at = $3")
            .bind(until)
            .bind(&self.name)
            .bind(self.next_due_at)
            .execute(&database.pool)
            .await?;
        Ok(postponed.rows_affected() > 0)
    }

    /// Lets the due job wait for the end of the run in flight. Returns false if it waits already.
    pub(super) async fn wait_for_run(&self, database: &Database) -> Result<bool> {
        let waits = sqlx::query("UPDATE jobs SET waiting = 1 WHERE job_name = $1 AND next_due_at = $2 AND waiting = 0")
            .bind(&self.name)
            .bind(self.next_due_at)
            .execute(&database.pool)
            .await?;
        Ok(waits.rows_affected() > 0)
    }

    /// Claims the due job unless another server was quicker, and begins its run in the process `instance`. Returns the
    /// run's id.
    pub(super) async fn claim(
        &self,
        database: &Database,
        job_name: &str,
        next: i64,
        instance: &str,
    ) -> Result<Option<String>> {
        let id = Uuid::now_v7().to_string();
        let mut transaction = database.begin().await?;
        let claimed = sqlx::query(
            "UPDATE jobs SET holder = $1, lease_until = $2, next_due_at = $3, waiting = 0 \
             WHERE job_name = $4 AND next_due_at = $5 AND holder IS NULL",
        )
        .bind(&id)
        .bind(lease_until(now_micros(), HEARTBEAT_TIMEOUT))
        .bind(next)
        .bind(&self.name)
        .bind(self.next_due_at)
        .execute(&mut *transaction)
        .await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        history::begin_run(&mut transaction, job_name, &id, instance).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }
}

/// Inserts the row of a new job; a known one keeps its time.
pub async fn insert_job(database: &Database, row: &str, first_due: i64) -> Result<()> {
    sqlx::query("INSERT INTO jobs (job_name, next_due_at) VALUES ($1, $2) ON CONFLICT (job_name) DO NOTHING")
        .bind(row)
        .bind(first_due)
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// Makes the job due now, or at the end of the run in flight: that one may have begun before what it is asked for. A
/// server that has just started may not have inserted its jobs yet.
pub(super) async fn request_run(database: &Database, row: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO jobs (job_name, next_due_at, waiting) VALUES ($1, $2, 1) \
         ON CONFLICT (job_name) DO UPDATE SET next_due_at = excluded.next_due_at, waiting = 1, failures = 0",
    )
    .bind(row)
    .bind(now_micros())
    .execute(&database.pool)
    .await?;
    Ok(())
}

/// Deletes the jobs of data folders that have had no server since `time`, and returns their rows.
pub async fn forget_jobs_of_folders(transaction: &mut Transaction, time: i64) -> Result<Vec<String>> {
    let query = format!(
        "DELETE FROM jobs WHERE job_name LIKE '%{ROW_SEPARATOR}%' AND next_due_at < $1 AND holder IS NULL \
         RETURNING job_name"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).bind(time).fetch_all(&mut **transaction).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belfry_telemetry::jobs::{EndedRun, JobRun};

    use super::*;
    use crate::config::Config;
    use crate::database::testing;
    use crate::scheduler::plan::Plan;
    use crate::scheduler::reaper;
    use crate::timestamp::micros;

    const JOB: &str = "business_snapshot";

    async fn read(database: &Database) -> JobRow {
        JobRow::read_all(database).await.unwrap().into_iter().find(|row| row.name == JOB).unwrap()
    }

    fn plan() -> Plan {
        let config = Config::read([("JOBS__RETRIES".to_owned(), "1".to_owned())]).unwrap();
        Plan::new(config.jobs.business_snapshot_schedule.clone(), &config.jobs)
    }

    async fn end(database: &Database, id: &str, how: impl FnOnce(JobRun) -> EndedRun) {
        assert!(history::end_run(database, JOB, &plan(), id, &how(JobRun::begin(JOB))).await.unwrap().is_some());
    }

    fn fail(run: JobRun) -> EndedRun {
        run.failed("no room")
    }

    #[tokio::test]
    async fn a_due_job_is_claimed_once_and_a_waiting_one_next() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        insert_job(&database, JOB, 1_000).await.unwrap();
        let row = read(&database).await;
        let id = row.claim(&database, JOB, 2_000, "this").await.unwrap().expect("it is free");
        assert!(row.claim(&database, JOB, 2_000, "this").await.unwrap().is_none(), "it was claimed twice");

        let next = read(&database).await;
        assert_eq!((next.next_due_at, next.holder.as_deref()), (2_000, Some(id.as_str())));
        assert!(next.wait_for_run(&database).await.unwrap());
        assert!(!next.wait_for_run(&database).await.unwrap(), "one scheduled time is one overlap");
        assert!(next.claim(&database, JOB, 3_000, "this").await.unwrap().is_none(), "its run is in flight");
        end(&database, &id, JobRun::succeeded).await;
        let waiting = read(&database).await;
        assert!(waiting.is_waiting() && waiting.holder.is_none() && waiting.next_due_at == 2_000);
        assert!(waiting.claim(&database, JOB, 3_000, "this").await.unwrap().is_some());
        assert!(!read(&database).await.is_waiting());
    }

    #[tokio::test]
    async fn a_job_requested_before_its_row_exists_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        request_run(&database, JOB).await.unwrap();
        insert_job(&database, JOB, i64::MAX).await.unwrap();
        assert!(read(&database).await.next_due_at <= now_micros());
    }

    #[tokio::test]
    async fn a_failed_run_is_retried_as_often_as_planned() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let later = now_micros() + 3_600_000_000;
        insert_job(&database, JOB, 1_000).await.unwrap();
        let id = read(&database).await.claim(&database, JOB, later, "this").await.unwrap().unwrap();
        end(&database, &id, fail).await;
        let retried = read(&database).await;
        assert!(retried.next_due_at < now_micros() + 11_000_000, "not brought nearer");
        let id = retried.claim(&database, JOB, later, "this").await.unwrap().unwrap();
        end(&database, &id, fail).await;
        assert_eq!(read(&database).await.next_due_at, later, "one retry was planned");
    }

    #[tokio::test]
    async fn a_recorded_end_is_known_again_and_anothers_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let totals = || async {
            let query = "SELECT successful, failed, aborted FROM job_totals WHERE job_name = $1";
            let totals = sqlx::query_as(query).bind(JOB).fetch_one(&database.pool);
            let totals: (i64, i64, i64) = totals.await.unwrap();
            totals
        };
        insert_job(&database, JOB, 1_000).await.unwrap();
        let id = read(&database).await.claim(&database, JOB, 2_000, "this").await.unwrap().unwrap();
        let (succeeded, failed) = (JobRun::begin(JOB).succeeded(), fail(JobRun::begin(JOB)));
        assert!(history::end_run(&database, JOB, &plan(), &id, &succeeded).await.unwrap().is_some());
        assert!(
            history::end_run(&database, JOB, &plan(), &id, &succeeded).await.unwrap().is_some(),
            "the first try was taken"
        );
        assert!(history::end_run(&database, JOB, &plan(), &id, &failed).await.unwrap().is_none());
        assert_eq!(totals().await, (1, 0, 0));

        let id = read(&database).await.claim(&database, JOB, 3_000, "this").await.unwrap().unwrap();
        assert!(reaper::abort(&database, JOB, Some((JOB, &plan())), &id).await.unwrap());
        assert!(history::end_run(&database, JOB, &plan(), &id, &succeeded).await.unwrap().is_none(), "it was aborted");
        assert_eq!(totals().await, (1, 0, 1));
    }

    #[test]
    fn an_expired_lease_is_told_from_a_valid_one() {
        let row = |lease_until| JobRow {
            name: JOB.to_owned(),
            next_due_at: 0,
            holder: Some(String::new()),
            lease_until,
            waiting: 0,
        };
        let now = now_micros();
        assert!(!row(Some(now + micros(HEARTBEAT_TIMEOUT))).has_expired(now));
        assert!(row(Some(now)).has_expired(now));
        assert!(row(Some(now + micros(Duration::from_secs(3_600)))).has_expired(now));
        assert!(row(None).has_expired(now));
    }
}
