//! Settings that are each fine and together wrong.

use std::time::Duration;

use belfry_telemetry::settings::{SettingsError, shown_value};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::{AuthMode, Config};

impl Config {
    /// Every contradiction between settings that are each fine.
    pub fn contradictions(&self) -> Vec<SettingsError> {
        let groups = [
            self.access_faults(),
            self.lifetimes(),
            self.limits(),
            self.database_faults(),
            self.storage_faults(),
            self.service_faults(),
        ];
        groups.into_iter().flatten().chain(self.telemetry.loki.check().err()).collect()
    }

    /// Without keys, only this machine may reach the server, unless the settings say so.
    fn access_faults(&self) -> Vec<SettingsError> {
        let host = self.server.host.to_canonical();
        // An address of this machine that others reach is published on itself.
        let (variable, address, origin) = match self.auth.published_on {
            Some(address) if host.is_unspecified() || host.is_loopback() => {
                ("AUTH__PUBLISHED_ON", address, " (docker-compose.yml sets this to BIND_ADDRESS)")
            }
            _ => ("SERVER__HOST", self.server.host, ""),
        };
        if self.auth.mode == AuthMode::Keys || self.auth.allow_anonymous || address.to_canonical().is_loopback() {
            return Vec::new();
        }
        let expected = format!(
            "a loopback address such as 127.0.0.1{origin}, because AUTH__MODE is off: set that to keys, or \
             AUTH__ALLOW_ANONYMOUS to true if whoever reaches this address may do everything"
        );
        vec![fault(variable, shown_value(&address.to_string()), &expected)]
    }

    fn lifetimes(&self) -> Vec<SettingsError> {
        let (retention, grace) = (&self.retention, self.cleanup.orphan_grace);
        let mut faults = Vec::new();
        if retention.min_ttl > retention.max_ttl {
            let found = as_text(retention.min_ttl);
            faults.push(fault("RETENTION__MIN_TTL", found, "no more than RETENTION__MAX_TTL"));
        } else if !(retention.min_ttl..=retention.max_ttl).contains(&retention.ttl) {
            let found = as_text(retention.ttl);
            faults.push(fault("RETENTION__TTL", found, "between RETENTION__MIN_TTL and RETENTION__MAX_TTL"));
        }
        if grace < self.training.lease {
            faults.push(fault("CLEANUP__ORPHAN_GRACE", as_text(grace), "at least TRAINING__LEASE"));
        }
        faults
    }

    fn limits(&self) -> Vec<SettingsError> {
        let (upload, most) = (&self.upload, self.database.max_connections);
        let mut faults = Vec::new();
        let record_bytes = upload.max_record_bytes as u64;
        if record_bytes > upload.max_uncompressed_bytes {
            let found = bytesize::ByteSize::b(record_bytes).to_string();
            faults.push(fault("UPLOAD__MAX_RECORD_BYTES", found, "no more than UPLOAD__MAX_UNCOMPRESSED_BYTES"));
        }
        // The other one would end the upload before.
        let (idle, waiting) = (upload.idle_timeout, self.server.limits.body_timeout);
        if idle > waiting {
            let expected = format!("no more than SERVER__BODY_TIMEOUT, which is {}", as_text(waiting));
            faults.push(fault("UPLOAD__IDLE_TIMEOUT", as_text(idle), &expected));
        }
        // All workers send their heartbeats at the same time after a pause of the process, and one that has to wait for a
        // connection may lose its run.
        if most < self.training.workers {
            let expected = "at least one for each of TRAINING__WORKERS";
            faults.push(fault("DATABASE__MAX_CONNECTIONS", most.to_string(), expected));
        }
        faults
    }

    fn database_faults(&self) -> Vec<SettingsError> {
        let url = self.database.url.expose();
        let found = if url.is_empty() {
            return Vec::new();
        } else if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            "another kind of URL"
        } else if url.parse::<Url>().is_ok_and(|url| has_at_sign_after_host(&url)) {
            // A part of the password would be taken for the host, and shown as such.
            "a user or password with characters that must be escaped, such as %2F for /"
        } else if url.parse::<PgConnectOptions>().is_err() {
            "a URL that cannot be parsed"
        } else {
            return Vec::new();
        };
        vec![fault("DATABASE__URL", found.to_owned(), "postgres://user:password@host/database, or unset")]
    }

    fn storage_faults(&self) -> Vec<SettingsError> {
        let (url, endpoint) = (&self.storage.url, &self.storage.endpoint);
        let (id, secret) = (&self.storage.access_key_id, &self.storage.secret_access_key);
        let mut faults = Vec::new();
        let has_bucket = url.starts_with("s3://")
            && url.parse::<Url>().is_ok_and(|url| url.host_str().is_some_and(|bucket| !bucket.is_empty()));
        if !url.is_empty() && !has_bucket {
            faults.push(fault("STORAGE__URL", shown_value(url), "s3://bucket/prefix, or unset"));
        }
        if url.is_empty() && !endpoint.is_empty() {
            faults.push(fault("STORAGE__ENDPOINT", "an address".to_owned(), "STORAGE__URL to be set with it"));
        }
        for (variable, value, other, other_value) in [
            ("STORAGE__ACCESS_KEY_ID", id, "STORAGE__SECRET_ACCESS_KEY", secret),
            ("STORAGE__SECRET_ACCESS_KEY", secret, "STORAGE__ACCESS_KEY_ID", id),
        ] {
            if value.is_empty() && !other_value.is_empty() {
                faults.push(fault(variable, "nothing".to_owned(), &format!("a key beside {other}")));
            }
        }
        faults
    }

    fn service_faults(&self) -> Vec<SettingsError> {
        let token = self.telegram.token.expose();
        let mut faults = Vec::new();
        if self.ai.enabled && self.ai.base_url.is_none() {
            let expected = "the provider's URL, because AI__ENABLED is true";
            faults.push(fault("AI__BASE_URL", "nothing".to_owned(), expected));
        }
        if self.ai.enabled && self.ai.model.is_none() {
            let expected = "the name of the provider's model, because AI__ENABLED is true";
            faults.push(fault("AI__MODEL", "nothing".to_owned(), expected));
        }
        // Its row would be given up while the call may still end.
        if self.ai.reservation_ttl <= self.ai.timeout {
            let expected = format!("more than AI__TIMEOUT, which is {}", as_text(self.ai.timeout));
            faults.push(fault("AI__RESERVATION_TTL", as_text(self.ai.reservation_ttl), &expected));
        }
        if self.telegram.enabled && token.is_empty() {
            let expected = "the bot's token, because TELEGRAM__ENABLED is true";
            faults.push(fault("TELEGRAM__TOKEN", "nothing".to_owned(), expected));
        }
        if self.telegram.enabled && self.telegram.chat_id.is_none() {
            let expected = "the chat that is sent the messages, because TELEGRAM__ENABLED is true";
            faults.push(fault("TELEGRAM__CHAT_ID", "nothing".to_owned(), expected));
        }
        // It becomes part of a URL's path.
        if !token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')) {
            let expected = "a token such as 123456:ABC-DEF, of letters, digits, : _ and -";
            faults.push(fault("TELEGRAM__TOKEN", "other characters".to_owned(), expected));
        }
        faults
    }
}

fn fault(variable: &str, found: String, expected: &str) -> SettingsError {
    SettingsError { variable: variable.to_owned(), found, expected: expected.to_owned() }
}

fn as_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn has_at_sign_after_host(url: &Url) -> bool {
    [Some(url.path()), url.query(), url.fragment()].into_iter().flatten().any(|part| part.contains('@'))
}
