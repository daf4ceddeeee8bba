-- What the billing provider has told: a ledger, whose rows stay. Of a person there are only the provider's ids, as sent.
CREATE TABLE billing_events (
    -- Grows with time (UUID v7): the order of the list and its cursor.
    id TEXT PRIMARY KEY,
    -- The sender's id of the event. Sent again it is the same row.
    webhook_id TEXT NOT NULL UNIQUE,
    -- SHA-256 of the body in hexadecimal digits, by which another body under the same id is noticed.
    body_sha256 TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- When it happened, as the sender says.
    occurred_at BIGINT NOT NULL,
    type TEXT NOT NULL,
    subscription_id TEXT,
    customer_id TEXT NOT NULL,
    plan TEXT,
    -- In minor units of the currency, such as cents; both or none.
    amount_minor BIGINT,
    currency TEXT
);

-- The list of one type.
CREATE INDEX billing_events_by_type ON billing_events (type, id);

-- The events of each type and currency, counted and summed in the transaction that stores an event, so that the metrics need
-- not read the ledger. The currency is empty for events without an amount.
CREATE TABLE billing_totals (
    type TEXT NOT NULL,
    currency TEXT NOT NULL,
    events BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    last_received_at BIGINT NOT NULL,
    PRIMARY KEY (type, currency)
);
