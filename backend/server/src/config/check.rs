//! Settings that are each fine and together wrong.

use std::time::Duration;

use belfry_telemetry::settings::SettingsError;

use super::Config;

/// Longer than it takes from a file that is complete to its row, or to the end of the attempt to write that.
const MIN_ORPHAN_GRACE: Duration = Duration::from_secs(10);

impl Config {
    /// Refuses settings that are each fine and together wrong.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let contradiction = |variable: &str, found: String, expected: &str| {
            Err(SettingsError { variable: variable.to_owned(), found, expected: expected.to_owned() })
        };
        let retention = &self.retention;
        if retention.min_ttl > retention.max_ttl {
            let found = format!("{}", humantime::format_duration(retention.min_ttl));
            return contradiction("RETENTION__MIN_TTL", found, "no more than RETENTION__MAX_TTL");
        }
        if retention.ttl < retention.min_ttl || retention.ttl > retention.max_ttl {
            let found = format!("{}", humantime::format_duration(retention.ttl));
            return contradiction("RETENTION__TTL", found, "between RETENTION__MIN_TTL and RETENTION__MAX_TTL");
        }
        let grace = self.cleanup.orphan_grace;
        if grace < MIN_ORPHAN_GRACE || grace < self.training.lease {
            let found = format!("{}", humantime::format_duration(grace));
            return contradiction("CLEANUP__ORPHAN_GRACE", found, "at least 10s and at least TRAINING__LEASE");
        }
        let database = self.database.url.expose();
        if !database.is_empty() && !["postgres://", "postgresql://"].iter().any(|scheme| database.starts_with(scheme)) {
            let found = "another kind of URL".to_owned();
            return contradiction("DATABASE__URL", found, "postgres://user:password@host/database, or unset");
        }
        if !self.storage.url.is_empty() && !self.storage.url.starts_with("s3://") {
            return contradiction("STORAGE__URL", format!("`{}`", self.storage.url), "s3://bucket/prefix, or unset");
        }
        if self.storage.url.is_empty() && !self.storage.endpoint.is_empty() {
            return contradiction("STORAGE__ENDPOINT", "an address".to_owned(), "STORAGE__URL to be set with it");
        }
        if self.ai.enabled && self.ai.base_url.is_none() {
            let expected = "the provider's URL, because AI__ENABLED is true";
            return contradiction("AI__BASE_URL", "nothing".to_owned(), expected);
        }
        let token = self.telegram.token.expose();
        if self.telegram.enabled && token.is_empty() {
            let expected = "the bot's token, because TELEGRAM__ENABLED is true";
            return contradiction("TELEGRAM__TOKEN", "nothing".to_owned(), expected);
        }
        // It becomes part of a URL's path.
        if !token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')) {
            let expected = "a token such as 123456:ABC-DEF, of letters, digits, : _ and -";
            return contradiction("TELEGRAM__TOKEN", "other characters".to_owned(), expected);
        }
        self.telemetry.loki.check()
    }
}
