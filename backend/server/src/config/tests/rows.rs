//! Every setting with the lowest and the highest value that it takes, values just outside and others that it refuses: one row
//! for each.

pub(super) type Variables = &'static [(&'static str, &'static str)];

pub(super) struct Row {
    pub(super) variable: &'static str,
    pub(super) taken: &'static [&'static str],
    pub(super) refused: &'static [&'static str],
    /// Other settings without which the lowest or the highest value contradicts a default.
    pub(super) with: Variables,
}

const fn row(variable: &'static str, taken: &'static [&'static str], refused: &'static [&'static str]) -> Row {
    Row { variable, taken, refused, with: &[] }
}

impl Row {
    const fn with(self, with: Variables) -> Self {
        Self { with, ..self }
    }
}

/// A setting that is on or off.
const fn switch(variable: &'static str) -> Row {
    row(variable, &["true", "false", "1", "0", "YES", "off"], &["2", "maybe", "true "])
}

/// A setting that takes any text; what it leads to is found out at the start.
const fn any_text(variable: &'static str) -> Row {
    row(variable, &["x", "/some/where", "with spaces, ümläuts"], &[])
}

/// A secret that goes into a header.
const fn token(variable: &'static str) -> Row {
    row(variable, &["x", "S3cret/~="], &["hunter2 hunter2", "hunter2\n", "hünter2hunter2"])
}

/// An amount of dollars.
const fn budget(variable: &'static str) -> Row {
    row(
        variable,
        &["0", "0.000000000001", "1000000", "1000000.00"],
        &["1000000.000000000001", "-1", "1e3", ".5", "5.", "1.0000000000001", "$5", "1,50", " 1", "９"],
    )
}

const fn url(variable: &'static str) -> Row {
    row(
        variable,
        &["http://h", "https://h:65535/path"],
        &["h:1", "ftp://h", "http://", "http://h:65536", "http://u:hunter2@h:x"],
    )
}

/// An address that browsers are shown.
const fn link(variable: &'static str) -> Row {
    row(
        variable,
        &["http://h", "https://h:65535/path"],
        &["h:1", "ftp://h", "http://", "http://u:hunter2@h", "http://u@h"],
    )
}

const SCHEDULE: (&[&str], &[&str]) = (
    &["1s", "366d", "0 3 * * *", "* * * * * *", "@daily"],
    &["999ms", "366d 1s", "0s", "0 3 * *", "61 * * * *", "0 0 30 2 *", "-1s"],
);

pub(super) const ROWS: &[Row] = &[
    row(
        "APP__ENVIRONMENT",
        &["x", "north pole 3"],
        &["two\nlines", "12345678901234567890123456789012345678901234567890123456789012345"],
    ),
    row(
        "APP__INSTANCE",
        &["x", "belfry-1:8000"],
        &[
            "two\nlines",
            "a b",
            "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        ],
    ),
    row("SERVER__HOST", &["0.0.0.0", "::1", "255.255.255.255"], &["localhost", "256.0.0.1", "127.0.0.1:80"])
        .with(&[("AUTH__ALLOW_ANONYMOUS", "true")]),
    row("SERVER__PORT", &["0", "65535"], &["-1", "65536", "8000.0"]),
    row("SERVER__SHUTDOWN_GRACE", &["100ms", "1m30s", "1h"], &["99ms", "0s", "1h 1s", "15"]),
    row("SERVER__BLOCKING_THREADS", &["8", "512"], &["7", "513"]),
    row("SERVER__DRAIN", &["0s", "500ms", "1h"], &["1h 1s", "-1s"]),
    row("SERVER__MAX_CONNECTIONS", &["1", "100000"], &["0", "100001"]),
    row("SERVER__MAX_CONNECTIONS_PER_ADDRESS", &["1", "100000"], &["0", "100001"]),
    row("SERVER__HEADER_TIMEOUT", &["100ms", "1h"], &["99ms", "61m"]),
    row("SERVER__MAX_HEADER_BYTES", &["1KiB", "64KiB"], &["1023", "65537"]),
    row("SERVER__IDLE_TIMEOUT", &["100ms", "1h"], &["99ms", "61m"]),
    row("SERVER__BODY_TIMEOUT", &["100ms", "1h"], &["99ms", "61m"]).with(&[("UPLOAD__IDLE_TIMEOUT", "100ms")]),
    row("SERVER__MIN_BODY_RATE", &["1", "1TiB"], &["0", "1025GiB"]),
    row("SERVER__WRITE_TIMEOUT", &["100ms", "1h"], &["99ms", "61m"]),
    row("SERVER__MIN_RESPONSE_RATE", &["1", "1TiB"], &["0", "1025GiB"]),
    row("SERVER__MAX_BUFFERED_BYTES", &["2MiB", "1TiB"], &["2097151", "1025GiB"]),
    row("SERVER__ALLOWED_HOSTS", &["a", "a.example,B,*"], &["a:80", "http://a", "a b"]),
    row("SERVER__CORS_ORIGINS", &["http://a", "https://a.example,http://b:1"], &["*", "a", "https://a/x", "ftp://a"]),
    row("AUTH__MODE", &["off", "keys"], &["on", "Keys"]),
    any_text("AUTH__ADMIN_KEY_FILE"),
    switch("AUTH__ALLOW_ANONYMOUS"),
    row("AUTH__PUBLISHED_ON", &["127.0.0.1", "::1", "0.0.0.0"], &["localhost", "127.0.0.1:80"])
        .with(&[("AUTH__MODE", "keys")]),
    row("AUTH__MAX_FAILURES", &["1", "100000"], &["0", "100001"]),
    any_text("DATA__DIR"),
    row(
        "DATABASE__URL",
        &["postgres://h/d", "postgresql://u:p%2Fq@h:1/d?sslmode=require", "postgres://%2Frun%2Fpg/d"],
        &[
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2/x@h/d",
            "postgres://u:12/hunter2@h/d",
            "postgres://h/d?sslmode=hunter2",
            "hunter2",
        ],
    ),
    row("DATABASE__MAX_CONNECTIONS", &["2", "500"], &["1", "501"]),
    row("DATABASE__ACQUIRE_TIMEOUT", &["100ms", "1m"], &["99ms", "61s"]),
    row("STORAGE__URL", &["s3://b", "s3://b/prefix/x"], &["s3://", "b", "http://b", "file:///x", "ftp://u:hunter2@h"]),
    row("STORAGE__ENDPOINT", &["http://h:9000", "https://h"], &["h:9000", "s3://h"])
        .with(&[("STORAGE__URL", "s3://b")]),
    row("STORAGE__REGION", &["x", "us-east-1"], &["us east", "a/b"]),
    token("STORAGE__ACCESS_KEY_ID").with(&[("STORAGE__SECRET_ACCESS_KEY", "x")]),
    token("STORAGE__SECRET_ACCESS_KEY").with(&[("STORAGE__ACCESS_KEY_ID", "x")]),
    row("UPLOAD__MAX_BYTES", &["64KiB", "1TiB"], &["65535", "0", "1025GiB"]),
    row("UPLOAD__MAX_UNCOMPRESSED_BYTES", &["65536", "16TiB"], &["65535", "16385GiB"])
        .with(&[("UPLOAD__MAX_RECORD_BYTES", "1KiB")]),
    row("UPLOAD__MAX_COLUMNS", &["1", "100000"], &["0", "100001"]),
    row("UPLOAD__MAX_RATIO", &["2", "1100"], &["1", "1101", "2.5"]),
    row("UPLOAD__MAX_PROCESSING_TIME", &["1ms", "1d"], &["999us", "0s", "25h"]),
    row("UPLOAD__MAX_RECORD_BYTES", &["1KiB", "64MiB"], &["1023", "65537KiB"]),
    row("UPLOAD__MAX_CONCURRENT", &["1", "10000"], &["0", "10001"]),
    row("UPLOAD__IDLE_TIMEOUT", &["100ms", "1h"], &["99ms", "61m"]).with(&[("SERVER__BODY_TIMEOUT", "1h")]),
    row("RETENTION__TTL", &["1s", "3650d"], &["999ms", "3651d"])
        .with(&[("RETENTION__MIN_TTL", "1s"), ("RETENTION__MAX_TTL", "3650d")]),
    row("RETENTION__MIN_TTL", &["1s", "3650d"], &["999ms", "3651d"])
        .with(&[("RETENTION__TTL", "3650d"), ("RETENTION__MAX_TTL", "3650d")]),
    row("RETENTION__MAX_TTL", &["1s", "3650d"], &["999ms", "3651d"])
        .with(&[("RETENTION__TTL", "1s"), ("RETENTION__MIN_TTL", "1s")]),
    switch("RETENTION__ALLOW_NEVER"),
    row("RETENTION__JOB_HISTORY", &["1m", "3650d"], &["59s", "3651d"]),
    row("RETENTION__ALERTS", &["1m", "3650d"], &["59s", "3651d"]),
    row("RETENTION__AUDIT", &["1m", "3650d"], &["59s", "3651d"]),
    row("RETENTION__BACKUPS", &["1", "10000"], &["0", "10001"]),
    row("RETENTION__LOG_DAYS", &["1", "10000"], &["0", "10001"]),
    row("CLEANUP__INTERVAL", &["100ms", "30d"], &["1ns", "99ms", "31d"]),
    row("CLEANUP__BATCH", &["1", "10000"], &["0", "10001"]),
    row("CLEANUP__ORPHAN_GRACE", &["10s", "30d"], &["9s", "31d"]).with(&[("TRAINING__LEASE", "1s")]),
    row("JOBS__TIME_ZONE", &["UTC", "Europe/Berlin"], &["Europe/Atlantis", "+01:00"]),
    row("JOBS__BACKUP_SCHEDULE", SCHEDULE.0, SCHEDULE.1),
    row("JOBS__ORPHAN_SWEEP_SCHEDULE", SCHEDULE.0, SCHEDULE.1),
    row("JOBS__BUSINESS_SNAPSHOT_SCHEDULE", SCHEDULE.0, SCHEDULE.1),
    row("JOBS__RESOURCE_CHECK_SCHEDULE", SCHEDULE.0, SCHEDULE.1),
    row("JOBS__TIMEOUT", &["1s", "7d"], &["999ms", "8d"]),
    row("JOBS__BACKUP_TIMEOUT", &["1s", "7d"], &["999ms", "8d"]),
    row("JOBS__RETRIES", &["0", "20"], &["-1", "21"]),
    row("JOBS__RETRY_PAUSE", &["100ms", "1d"], &["99ms", "25h"]),
    row("ALERTS__THRESHOLD_DISK", &["1", "98"], &["0", "99"]),
    row("ALERTS__THRESHOLD_MEMORY", &["1", "98"], &["0", "99"]),
    row("ALERTS__MODE", &["notify", "observe"], &["off", "Notify"]),
    row("ALERTS__JOB_FAILURES", &["1", "1000"], &["0", "1001"]),
    row("ALERTS__REPEAT_AFTER", &["1ms", "1d"], &["0s", "2d"]),
    row("ALERTS__MAX_MESSAGES", &["1", "10000"], &["0", "10001"]),
    token("ALERTS__WEBHOOK_TOKEN"),
    row("TRAINING__WORKERS", &["0", "64"], &["-1", "65"]).with(&[("DATABASE__MAX_CONNECTIONS", "64")]),
    row("TRAINING__TIMEOUT", &["1s", "7d"], &["999ms", "8d"]),
    row("TRAINING__MEMORY_LIMIT", &["32MiB", "1TiB"], &["1B", "31MiB", "1025GiB"]),
    row("TRAINING__MAX_ATTEMPTS", &["1", "100"], &["0", "101"]),
    row("TRAINING__LEASE", &["1s", "1d"], &["1ns", "999ms", "25h"]).with(&[("CLEANUP__ORPHAN_GRACE", "30d")]),
    row("TRAINING__MAX_QUEUED", &["1", "1000000"], &["0", "1000001"]),
    row("TRAINING__MAX_ROWS", &["1", "100000000"], &["0", "100000001"]),
    row("TRAINING__MODEL_CACHE", &["1MiB", "1TiB"], &["1048575B", "1025GiB"]),
    row("TRAINING__MAX_FOLLOWERS", &["1", "100000"], &["0", "100001"]),
    row("TRAINING__MAX_FOLLOWERS_PER_RUN", &["1", "100000"], &["0", "100001"]),
    row("TRAINING__FOLLOWERS_KEEP_ALIVE", &["1s", "5m"], &["999ms", "301s"]),
    switch("TRAINING__ALLOW_FAKE"),
    switch("AI__ENABLED").with(&[("AI__BASE_URL", "http://h"), ("AI__MODEL", "m")]),
    url("AI__BASE_URL"),
    token("AI__API_KEY"),
    row("AI__MODEL", &["m", "anthropic/claude-haiku-4.5", "llama3.2:3b"], &["two words", "m\n", "ümlaut", "a\"b"]),
    row("AI__PROVIDER", &["x", "azure.ai.openai", "x_ai"], &["OpenAI", "open ai", "a/b"]),
    row("AI__TIMEOUT", &["100ms", "10m"], &["99ms", "11m"]),
    row("AI__RETRIES", &["0", "10"], &["-1", "11"]),
    row("AI__CONCURRENCY", &["1", "1000"], &["0", "1001"]),
    row("AI__WAIT", &["0s", "5m"], &["-1s", "301s"]),
    row("AI__MAX_TOKENS", &["16", "1000000"], &["15", "1000001"]),
    switch("AI__SHARE_SAMPLES"),
    any_text("AI__PRICES_FILE"),
    row("AI__BUDGET_MODE", &["soft", "hard"], &["Soft", "off"]),
    budget("AI__BUDGET_DAILY"),
    budget("AI__BUDGET_MONTHLY"),
    budget("AI__BUDGET_USER_DAILY"),
    budget("AI__BUDGET_USER_MONTHLY"),
    row("AI__RESERVATION_TTL", &["1s", "1d"], &["999ms", "1d 1s", "900"]).with(&[("AI__TIMEOUT", "100ms")]),
    switch("TELEGRAM__ENABLED").with(&[("TELEGRAM__TOKEN", "1:x"), ("TELEGRAM__CHAT_ID", "1")]),
    url("TELEGRAM__BASE_URL"),
    row("TELEGRAM__TOKEN", &["1:A_b-c"], &["hunter2/../x", "hunter2 x"]),
    row(
        "TELEGRAM__CHAT_ID",
        &["1", "-1001234567890", "@alerts_north"],
        &["0", "1.5", "alerts_north", "@abc", "@alerts north", "@alerts/north", "https://t.me/alerts_north"],
    ),
    switch("TELEGRAM__BOT"),
    row(
        "BILLING__WEBHOOK_SECRET",
        &[
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
            " whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx\n",
        ],
        &[
            "hunter2",
            "whsec_hunter2",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw hunter2",
            "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ],
    ),
    switch("VIEWER__ENABLED"),
    any_text("VIEWER__DASHBOARDS_DIR"),
    row("VIEWER__SCRAPE_INTERVAL", &["1s", "1h"], &["999ms", "61m"]),
    url("VIEWER__LOKI_URL"),
    url("VIEWER__ALERTMANAGER_URL"),
    link("VIEWER__GRAFANA_LINK"),
    link("VIEWER__PROMETHEUS_LINK"),
    link("VIEWER__ALERTMANAGER_LINK"),
    row("VIEWER__MAX_QUERY_RANGE", &["1m", "3650d"], &["59s", "3651d"]),
    row("VIEWER__MAX_QUERY_POINTS", &["10", "11000"], &["9", "11001"]),
    row("VIEWER__MAX_QUERY_BYTES", &["256B", "1MiB"], &["255", "1025KiB"]),
    row("VIEWER__MAX_ANSWER_BYTES", &["1KiB", "1GiB"], &["1023", "1025MiB"]),
    row("VIEWER__QUERY_TIMEOUT", &["100ms", "10m"], &["99ms", "11m"]),
    row("VIEWER__MAX_QUERIES", &["1", "1000"], &["0", "1001"]),
    row("VIEWER__MAX_WAITING_QUERIES", &["0", "10000"], &["-1", "10001"]),
    row("VIEWER__QUERY_WAIT", &["0s", "1m"], &["-1s", "61s"]),
    switch("PROMETHEUS__ENABLED"),
    token("PROMETHEUS__BEARER_TOKEN"),
    switch("PROMETHEUS__NATIVE_HISTOGRAMS"),
    url("PROMETHEUS__URL"),
    row("PROMETHEUS__JOB", &["x", "a/b:c_d-e.f"], &["a\"b", "a b", "ü"]),
    switch("STATSD__ENABLED"),
    row("STATSD__ADDRESS", &["h:1", "127.0.0.1:65535", "[::1]:8125"], &["h", "h:0", "h:65536", ":1", "::1:1", "a b:1"]),
    row("STATSD__INTERVAL", &["10ms", "1h"], &["9ms", "61m"]),
    row("STATSD__HISTOGRAMS", &["distribution", "histogram"], &["summary", "Histogram"]),
    switch("HTTP_METRICS__GROUP_STATUS_CODES"),
    row("HTTP_METRICS__EXCLUDED_ROUTES", &["^/x$"], &["(", "[a"]),
    switch("HTTP_METRICS__IGNORE_UNMATCHED"),
    switch("HTTP_METRICS__IN_PROGRESS"),
    switch("HTTP_METRICS__IN_PROGRESS_LABELS"),
    switch("HTTP_METRICS__SIZES"),
    row("HTTP_METRICS__LATENCY_BUCKETS", &["0.001", "0.01, 0.1,1"], &["0,1", "1,1", "2,1", "1,inf", "NaN", "-1"]),
    row("HTTP_METRICS__SIZE_BUCKETS", &["1", "1024,1048576"], &["0,1", "1,1", "2,1", "1,inf", "NaN", "-1"]),
    switch("TRACING__ENABLED"),
    url("TRACING__ENDPOINT"),
    row("TRACING__SAMPLE_RATIO", &["0", "0.5", "1"], &["-0.1", "1.0001", "NaN", "inf"]),
    row("TRACING__QUEUE", &["1", "100000"], &["0", "100001"]),
    row("LOG__LEVEL", &["error", "trace", "info,belfry=debug"], &["loud", "info,,=", "info,belfry=loud"]),
    row("LOG__FORMAT", &["pretty", "json"], &["xml", "JSON"]),
    any_text("LOG__DIR"),
    switch("LOKI__ENABLED"),
    row("LOKI__DELIVERY", &["buffered", "direct"], &["smoke"]),
    url("LOKI__URL"),
    token("LOKI__BEARER_TOKEN"),
    row("LOKI__TENANT", &["x", "north"], &["two\nlines", "a b"]),
    row("LOKI__QUEUE", &["1", "1000000"], &["0", "1000001"]),
];

/// Tried on every setting: whether it is taken or not, nothing panics and nothing is shown that should not be.
pub(super) const NONSENSE: &[&str] = &[
    "?",
    "-",
    "=",
    "--",
    "\u{0}",
    "\n",
    " ",
    "é",
    "0x10",
    "1e400",
    "-1",
    "NaN",
    "99999999999999999999",
    "99999999999999999999TiB",
    "18446744073709551615",
    "584542046090y",
    "1ns",
    "-1s",
    "`",
    "${X}",
    "ftp://u:hunter2@h:x",
    "http://h/?key=hunter2",
    "a\nhunter2@b",
];
