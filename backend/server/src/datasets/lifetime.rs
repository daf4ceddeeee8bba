//! How long a dataset is to live: what its upload asks for, within what `RETENTION__*` allows.

use std::time::Duration;

use belfry_learning::excerpt::excerpt;
use serde_json::json;

use crate::config::RetentionConfig;
use crate::error::{Error, Result};

/// A dataset's life from its creation on; `None` is for ever.
pub type Lifetime = Option<Duration>;

/// Reads `ttl_seconds`: a whole number of seconds, `never`, or nothing for the default.
///
/// # Errors
/// 422 `invalid_ttl` with what was found and what is expected.
pub fn lifetime(requested: Option<&str>, retention: &RetentionConfig) -> Result<Lifetime> {
    let Some(requested) = requested else { return Ok(Some(retention.ttl)) };
    if requested == "never" && retention.allow_never {
        return Ok(None);
    }
    let allowed = retention.min_ttl..=retention.max_ttl;
    match requested.parse().map(Duration::from_secs) {
        Ok(ttl) if allowed.contains(&ttl) => Ok(Some(ttl)),
        _ => Err(refusal(requested, retention)),
    }
}

fn refusal(requested: &str, retention: &RetentionConfig) -> Error {
    let (least, most) = (retention.min_ttl.as_secs(), retention.max_ttl.as_secs());
    let or_never = if retention.allow_never { ", or `never`" } else { "" };
    let found = excerpt(requested);
    let expected = format!("a whole number of seconds from {least} to {most}{or_never}");
    let mut extras = serde_json::Map::new();
    extras.insert("found".into(), json!(found));
    extras.insert("expected".into(), json!(expected));
    Error::Invalid { code: "invalid_ttl", detail: format!("ttl_seconds: found `{found}`, expected {expected}"), extras }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(allow_never: bool) -> RetentionConfig {
        let seconds = Duration::from_secs;
        RetentionConfig {
            ttl: seconds(100),
            min_ttl: seconds(60),
            max_ttl: seconds(3600),
            allow_never,
            job_history: seconds(1),
            alerts: seconds(1),
            audit: seconds(1),
            backups: 1,
            log_days: 1,
        }
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        let seconds = |text| lifetime(Some(text), &retention(false)).unwrap();
        assert_eq!(seconds("60"), Some(Duration::from_secs(60)));
        assert_eq!(seconds("3600"), Some(Duration::from_secs(3600)));
        assert_eq!(lifetime(None, &retention(false)).unwrap(), Some(Duration::from_secs(100)));
    }

    #[test]
    fn never_is_for_those_who_are_allowed_it() {
        assert_eq!(lifetime(Some("never"), &retention(true)).unwrap(), None);
        assert_eq!(lifetime(Some("never"), &retention(false)).unwrap_err().code(), "invalid_ttl");
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in ["59", "3601", "-60", "1.5", "", "soon", "99999999999999999999", "60 "] {
            assert_eq!(lifetime(Some(wrong), &retention(true)).unwrap_err().code(), "invalid_ttl", "{wrong}");
        }
    }
}
