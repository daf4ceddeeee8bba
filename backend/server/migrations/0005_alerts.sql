-- An alert that Alertmanager told of has its fingerprint, which is that of its labels; an alert of the service's own has none.
ALTER TABLE alerts ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
-- JSON: the labels of an alert of Alertmanager's.
ALTER TABLE alerts ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE alerts ADD COLUMN runbook_url TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN dashboard_url TEXT NOT NULL DEFAULT '';
-- When an open alert was last said to be so.
ALTER TABLE alerts ADD COLUMN reported_at BIGINT NOT NULL DEFAULT 0;
-- 1 when it was resolved because it was no longer reported, as while it is silenced: reported again, it is open again.
ALTER TABLE alerts ADD COLUMN expired BIGINT NOT NULL DEFAULT 0;
UPDATE alerts SET reported_at = raised_at;

-- Whoever finds something has one open alert of a name; of Alertmanager's there are many of a name, one for each fingerprint.
DROP INDEX alerts_open;
CREATE UNIQUE INDEX alerts_open ON alerts (name, source) WHERE resolved_at IS NULL AND fingerprint = '';
-- The same alert told again, by the same Alertmanager or another of its cluster, is the same row.
CREATE UNIQUE INDEX alerts_received ON alerts (fingerprint, raised_at) WHERE fingerprint <> '';
-- Retention looks for those that ended long ago.
CREATE INDEX alerts_by_end ON alerts (resolved_at);

-- How often the job has failed since it last succeeded.
ALTER TABLE jobs ADD COLUMN failed_in_a_row BIGINT NOT NULL DEFAULT 0;
