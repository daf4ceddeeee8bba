CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL: none of this user's keys is refused for it.
    deactivated_at BIGINT
);
-- A name may be given again once its user is deactivated.
CREATE UNIQUE INDEX users_active_name ON users (name) WHERE deactivated_at IS NULL;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    -- SHA-256 of the whole key, in hexadecimal; the key itself is nowhere.
    key_hash TEXT NOT NULL,
    -- Separated by commas: read, write, admin.
    scopes TEXT NOT NULL,
    -- How it came to be: api, setup, file.
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL: never.
    expires_at BIGINT,
    revoked_at BIGINT,
    -- Brought up to date once a minute at most.
    last_used_at BIGINT,
    -- The key that was made in its place.
    rotated_to TEXT
);
CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

-- One row at most: the token of the newest start without an admin key.
CREATE TABLE setup_token (
    id BIGINT PRIMARY KEY,
    token_hash TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The days, counted from 1970-01-01 UTC, on which a user's keys were used.
CREATE TABLE user_days (
    day BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (day, user_id)
);

-- Who changed what.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    -- NULL: by no key.
    user_id TEXT,
    key_id TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- The status of the response; NULL: there was none.
    status BIGINT,
    address TEXT
);
CREATE INDEX audit_by_time ON audit (at);

ALTER TABLE business_snapshots ADD COLUMN users BIGINT NOT NULL DEFAULT 0;
-- JSON: users by period.
ALTER TABLE business_snapshots ADD COLUMN active_users TEXT NOT NULL DEFAULT '{}';
