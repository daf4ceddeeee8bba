//! What stands in the database of a stopped server, held against the store, the ledger and itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sqlx::AnyPool;

use super::count;
use super::load::Ledger;

/// Files and rows are the same set, nothing is half-written, and of the processes nothing is left.
pub async fn check_store(folder: &Path, database: &AnyPool, broken: &mut Vec<String>) {
    let tables = [
        ("datasets", "SELECT storage_key FROM datasets"),
        ("models", "SELECT model_key FROM runs WHERE model_key IS NOT NULL"),
        ("probes", "SELECT id FROM runs WHERE 1 = 0"),
    ];
    for (name, keys) in tables {
        let keys: BTreeSet<String> = sqlx::query_scalar(keys).fetch_all(database).await.unwrap().into_iter().collect();
        let entries = std::fs::read_dir(folder.join("files").join(name)).into_iter().flatten();
        let files: BTreeSet<String> =
            entries.map(|entry| format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap())).collect();
        for orphan in files.difference(&keys) {
            broken.push(format!("the file {orphan} has no row"));
        }
        for orphan in keys.difference(&files) {
            broken.push(format!("the row of {orphan} has no file"));
        }
    }
    let work = std::fs::read_dir(folder.join("work")).unwrap();
    let left = work.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    if left != 0 {
        broken.push(format!("{left} processes have a folder for training, and none lives"));
    }
}

/// What a dead process has claimed is found by the next one, which takes it back at once: its folder is still there.
pub async fn check_claims(folder: &Path, database: &AnyPool, broken: &mut Vec<String>) {
    let sql = "SELECT instance, job_name FROM job_runs WHERE status = 'running' \
        UNION ALL SELECT worker_id, algorithm FROM runs WHERE status = 'running'";
    let claims: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    for (claimant, what) in claims {
        let instance = claimant.split(':').next().unwrap();
        if !folder.join("work").join(instance).is_dir() {
            broken.push(format!("{what} is held until its lease expires: no folder tells that {instance} is dead"));
        }
    }
}

/// Every dataset is one that was acknowledged, or one whose acknowledgement was lost on the way; its size is that of its
/// file, and none that has to be there is missing.
pub async fn check_datasets(folder: &Path, database: &AnyPool, ledger: &Ledger, broken: &mut Vec<String>) {
    let sql = "SELECT id, storage_key, size_bytes FROM datasets";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    let (mut stored_bytes, mut unacknowledged) = (0, 0);
    for (id, key, size_bytes) in &rows {
        let file = std::fs::metadata(folder.join("files").join(key)).map_or(-1, |file| file.len() as i64);
        if file != *size_bytes {
            broken.push(format!("the dataset {id} has {size_bytes} bytes by its row, and {file} in the store"));
        }
        stored_bytes += size_bytes;
        match ledger.uploads.get(id) {
            Some(kept) if kept.size_bytes != *size_bytes => {
                broken.push(format!("the dataset {id} has {size_bytes} bytes, and {} were sent", kept.size_bytes));
            }
            Some(_) => {}
            None => unacknowledged += 1,
        }
    }
    let ids: BTreeSet<&String> = rows.iter().map(|(id, ..)| id).collect();
    let must_stay = ledger.uploads.iter().filter(|(id, kept)| !kept.expires && !ledger.deleted.contains_key(*id));
    let lost: Vec<&String> = must_stay.map(|(id, _)| id).filter(|id| !ids.contains(id)).collect();
    if !lost.is_empty() {
        broken.push(format!("acknowledged datasets have no row: {lost:?}"));
    }
    let unanswered = ledger.uploads_tried - ledger.uploads.len();
    if unacknowledged > unanswered {
        broken.push(format!("{unacknowledged} datasets were not acknowledged, and {unanswered} uploads not answered"));
    }
    println!("{} datasets, {stored_bytes} bytes; {unacknowledged} were not acknowledged", rows.len());
}

/// The statuses of all runs add up to the runs that were accepted, and those whose acceptance was lost on the way.
pub async fn check_run_statuses(database: &AnyPool, ledger: &Ledger, broken: &mut Vec<String>) {
    let sql = "SELECT status, COUNT(*) FROM runs GROUP BY status";
    let statuses: BTreeMap<String, i64> =
        sqlx::query_as(sql).fetch_all(database).await.unwrap().into_iter().collect::<BTreeMap<_, _>>();
    let ended: i64 = ["completed", "failed", "cancelled"].iter().filter_map(|status| statuses.get(*status)).sum();
    let all: i64 = statuses.values().sum();
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM runs").fetch_all(database).await.unwrap();
    let ids: BTreeSet<String> = ids.into_iter().collect();
    let lost: Vec<&String> = ledger.runs.difference(&ids).collect();
    let unaccepted = ids.difference(&ledger.runs).count();
    let unanswered = ledger.runs_tried - ledger.runs.len();
    if ended != all || !lost.is_empty() || unaccepted > unanswered {
        broken.push(format!(
            "runs stand at {statuses:?}; accepted and lost: {lost:?}; {unaccepted} not accepted, {unanswered} not answered"
        ));
    }
}

/// What each job's runs add up to is exactly what its rows say, and each run that ended says when.
pub async fn check_job_totals(database: &AnyPool, broken: &mut Vec<String>) {
    type Counts = BTreeMap<(String, String), i64>;
    let sql = "SELECT job_name, status, COUNT(*) FROM job_runs GROUP BY job_name, status";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    let by_rows: Counts = rows.into_iter().map(|(job, status, count)| ((job, status), count)).collect();
    let sql = "SELECT job_name, successful, failed, aborted FROM job_totals";
    let totals: Vec<(String, i64, i64, i64)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    let mut by_totals = Counts::new();
    for (job, successful, failed, aborted) in totals {
        for (status, count) in [("success", successful), ("failed", failed), ("aborted", aborted)] {
            if count > 0 {
                by_totals.insert((job.clone(), status.to_owned()), count);
            }
        }
    }
    if by_rows != by_totals {
        broken.push(format!("runs of jobs add up to {by_rows:?}, and the totals say {by_totals:?}"));
    }
    let sql = "SELECT job_name, ABS(duration_seconds - (SELECT SUM(r.duration_seconds) FROM job_runs r \
        WHERE r.job_name = job_totals.job_name)) FROM job_totals";
    let differences: Vec<(String, f64)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
    for (job, difference) in differences {
        if difference > 1e-6 {
            broken.push(format!("the durations of {job} differ from their total by {difference} s"));
        }
    }
    let unended =
        "SELECT COUNT(*) FROM job_runs WHERE status <> 'running' AND (finished_at IS NULL OR duration_seconds IS NULL)";
    if count(database, unended).await > 0 {
        broken.push("runs of jobs have ended and do not say when".to_owned());
    }
}
