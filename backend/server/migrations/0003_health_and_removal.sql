-- Written by every health check: a write that is committed is the only proof that one can be.
CREATE TABLE health_probe (
    id BIGINT PRIMARY KEY NOT NULL,
    probed_at BIGINT NOT NULL
);
INSERT INTO health_probe (id, probed_at) VALUES (1, 0);

-- Set when the clean-up has begun to remove the file: from then on no run may take the dataset, by whatever clock.
ALTER TABLE datasets ADD COLUMN removal_began_at BIGINT;
