-- One schema for SQLite and PostgreSQL: times are microseconds since 1970 UTC, JSON is text, ids are UUIDv7 text.

CREATE TABLE datasets (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    columns TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX datasets_by_expiry ON datasets (expires_at);
CREATE INDEX datasets_by_age ON datasets (created_at, id);

CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    -- Not a foreign key: a finished run outlives its dataset.
    dataset_id TEXT NOT NULL,
    target TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    task TEXT,
    params TEXT NOT NULL,
    seed BIGINT NOT NULL,
    test_fraction DOUBLE PRECISION NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT,
    error_code TEXT,
    error_message TEXT,
    attempts BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL,
    worker_id TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    scores TEXT,
    report TEXT,
    model_key TEXT,
    model_size_bytes BIGINT,
    model_sha256 TEXT
);
CREATE INDEX runs_by_status ON runs (status, created_at);
CREATE INDEX runs_by_dataset ON runs (dataset_id, status);

CREATE TABLE run_progress (
    run_id TEXT NOT NULL,
    iteration BIGINT NOT NULL,
    total BIGINT NOT NULL,
    train_loss DOUBLE PRECISION,
    valid_loss DOUBLE PRECISION,
    PRIMARY KEY (run_id, iteration)
);

-- One row a job: when it is due, and which process runs it.
CREATE TABLE jobs (
    job_name TEXT PRIMARY KEY NOT NULL,
    next_due_at BIGINT NOT NULL,
    holder TEXT,
    lease_until BIGINT
);

CREATE TABLE job_runs (
    id TEXT PRIMARY KEY NOT NULL,
    job_name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    status TEXT NOT NULL,
    duration_seconds DOUBLE PRECISION,
    error_message TEXT,
    metadata TEXT,
    heartbeat_at BIGINT NOT NULL
);
CREATE INDEX job_runs_by_name ON job_runs (job_name, started_at);
CREATE INDEX job_runs_by_status ON job_runs (status, heartbeat_at);
CREATE INDEX job_runs_by_start ON job_runs (started_at);
