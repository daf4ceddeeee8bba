-- The ledger of calls to the AI provider: one row for each try, made when the most that it may cost is reserved, and completed
-- when the call has ended. Money is in pico-dollars, 10^-12 of one; tokens of one kind are in no other.
CREATE TABLE ai_usage (
    id TEXT PRIMARY KEY NOT NULL,
    -- When it was reserved: of this day and month is its cost.
    created_at BIGINT NOT NULL,
    -- From then on a call without an end is taken for one whose process has died.
    expires_at BIGINT NOT NULL,
    -- Not a foreign key: the ledger outlives users. NULL: a call of the system's own.
    user_id TEXT,
    operation TEXT NOT NULL,
    -- As it was asked for.
    model TEXT NOT NULL,
    -- NULL while the call is in flight.
    outcome TEXT,
    provider TEXT,
    uncached_prompt_tokens BIGINT NOT NULL DEFAULT 0,
    cache_read_tokens BIGINT NOT NULL DEFAULT 0,
    cache_write_tokens BIGINT NOT NULL DEFAULT 0,
    visible_output_tokens BIGINT NOT NULL DEFAULT 0,
    reasoning_tokens BIGINT NOT NULL DEFAULT 0,
    total_tokens BIGINT NOT NULL DEFAULT 0,
    -- By which rule the kinds were derived from what the provider said. NULL: it said nothing.
    token_rule TEXT,
    -- NULL while the call is in flight.
    pricing TEXT,
    -- What was reserved.
    worst_case_pico BIGINT NOT NULL,
    -- NULL: not known, or the model has no price.
    cost_pico BIGINT,
    -- What budgets count: the worst case until the cost is known.
    counted_pico BIGINT NOT NULL,
    -- Dollars, as the provider sent them.
    provider_cost TEXT,
    -- The price that was applied, frozen.
    price TEXT,
    generation_id TEXT,
    latency_ms BIGINT
);
CREATE INDEX ai_usage_by_age ON ai_usage (created_at, counted_pico, outcome);
CREATE INDEX ai_usage_of_users ON ai_usage (user_id, created_at, counted_pico, outcome);
CREATE INDEX ai_usage_in_flight ON ai_usage (expires_at) WHERE outcome IS NULL;

-- Its one row is locked by whoever reserves, from the sum to the insert.
CREATE TABLE ai_budget_lock (
    id BIGINT PRIMARY KEY NOT NULL,
    locked_at BIGINT NOT NULL
);
INSERT INTO ai_budget_lock (id, locked_at) VALUES (1, 0);
