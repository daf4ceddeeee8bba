-- 1 when the job is to run as soon as its run under way has ended: by its overlap policy, or because it was asked for.
ALTER TABLE jobs ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0;
-- Runs that failed or were aborted since the last turn of the schedule; bounds the retries.
ALTER TABLE jobs ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;

-- What all runs of a job add up to, those whose rows are forgotten included. Moved in the transaction that ends a run:
-- to count a million rows takes long even by an index.
CREATE TABLE job_totals (
    job_name TEXT PRIMARY KEY NOT NULL,
    successful BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    aborted BIGINT NOT NULL,
    duration_seconds DOUBLE PRECISION NOT NULL,
    max_duration_seconds DOUBLE PRECISION NOT NULL
);
INSERT INTO job_totals (job_name, successful, failed, aborted, duration_seconds, max_duration_seconds)
SELECT job_name,
    SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END),
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END),
    SUM(CASE WHEN status = 'aborted' THEN 1 ELSE 0 END),
    COALESCE(SUM(duration_seconds), 0),
    COALESCE(MAX(duration_seconds), 0)
FROM job_runs WHERE status <> 'running' GROUP BY job_name;

-- At most one row an hour.
CREATE TABLE business_snapshots (
    taken_at BIGINT PRIMARY KEY NOT NULL,
    datasets BIGINT NOT NULL,
    dataset_bytes BIGINT NOT NULL,
    -- JSON: how many runs have each status, and how many ended with each outcome.
    runs_by_status TEXT NOT NULL,
    runs_by_outcome TEXT NOT NULL
);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    summary TEXT NOT NULL,
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    resolved_at BIGINT
);
CREATE UNIQUE INDEX alerts_open ON alerts (name) WHERE resolved_at IS NULL;

-- Files that rows name and the store does not have, since when: what is gone for long enough is given up.
CREATE TABLE missing_files (
    storage_key TEXT PRIMARY KEY NOT NULL,
    noticed_at BIGINT NOT NULL
);

-- The orphan sweep asks by these for each file.
CREATE INDEX datasets_by_file ON datasets (storage_key);
CREATE INDEX runs_by_model ON runs (model_key);
