-- The process that runs it: a name that is new at every start. NULL: from before this was noted.
ALTER TABLE job_runs ADD COLUMN instance TEXT;

-- One open alert for each who finds it: what is well on one machine may not be on another.
DROP INDEX alerts_open;
CREATE UNIQUE INDEX alerts_open ON alerts (name, source) WHERE resolved_at IS NULL;
