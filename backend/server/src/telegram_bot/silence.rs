//! `/silence NAME DURATION`: a silence in Alertmanager, which then notifies nobody of the alerts of that name.
//!
//! Source: Alertmanager's API, version 2: `POST /silences` and `GET /alerts`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::Bot;
use super::update::Request;
use crate::client_call::{below, sentence};
use crate::request::shown;

/// The shortest and the longest silence.
const MIN_DURATION: Duration = Duration::from_secs(60);
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A silence that was asked for longer ago, as when the server was stopped, may not be wanted any more.
const MAX_AGE_SECONDS: i64 = 300;

/// The longest name of an alert.
const MAX_NAME_BYTES: usize = 100;

/// How long Alertmanager may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Silences what the request names. The answer to it.
pub(super) async fn silence(bot: &Bot, request: &Request<'_>) -> String {
    let Some(base) = &bot.app.config.viewer.alertmanager_url else {
        return "Alertmanager is not configured: found no VIEWER__ALERTMANAGER_URL, expected its address".to_owned();
    };
    let now = Timestamp::now();
    let age = request.date.map_or(0, |date| now.as_second().saturating_sub(date));
    if age > MAX_AGE_SECONDS {
        return format!(
            "This was written {} minutes ago, so nothing was silenced. Write it again if it is still wanted.",
            age / 60
        );
    }
    let (name, duration) = match read(&request.arguments) {
        Ok(read) => read,
        Err(fault) => return format!("Nothing was silenced. {fault}"),
    };
    let ends = SignedDuration::try_from(duration).ok().and_then(|duration| now.checked_add(duration).ok());
    let Some(ends) = ends else { return "Nothing was silenced: the clock is wrong".to_owned() };
    let body = json!({
        "matchers": [{ "name": "alertname", "value": name, "isRegex": false, "isEqual": true }],
        "startsAt": now.to_string(),
        "endsAt": ends.to_string(),
        "createdBy": request.sender,
        "comment": "by the Telegram bot",
    });
    let endpoint = "/api/v2/silences";
    let url = below(base, "api/v2/silences");
    match bot.client.post("alertmanager", endpoint, &url, &body, TIMEOUT).await {
        Ok(response) if response.status.is_success() => {}
        Ok(response) => return format!("Nothing was silenced: Alertmanager answers {}", response.status.as_u16()),
        Err(failure) => {
            return format!("It is not known whether {name} is silenced. Alertmanager: {}", sentence(failure));
        }
    }
    tracing::info!(alert = name, until = %ends, by = request.sender, "alerts silenced by the telegram bot");
    let active = match active(bot, base, name).await {
        Some(0) => ". No alert of this name is active now",
        Some(1) => ". 1 alert of this name is active now",
        Some(_) => ". Several alerts of this name are active now",
        None => "",
    };
    format!("{name} is silenced until {}, by {}{active}.", ends.strftime("%Y-%m-%d %H:%M UTC"), request.sender)
}

/// The name and the duration, or what is wrong with them.
fn read<'a>(arguments: &[&'a str]) -> Result<(&'a str, Duration), String> {
    let usage = "expected /silence NAME DURATION, such as /silence BackendDown 2h";
    let [name, duration @ ..] = arguments else { return Err(format!("Found no name, {usage}")) };
    // Such as `2h 30m`.
    let duration = duration.join(" ");
    if duration.is_empty() {
        return Err(format!("Found no duration, {usage}"));
    }
    let is_name = name.len() <= MAX_NAME_BYTES && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(format!("Found the name {}, expected letters, digits and _", shown(name)));
    }
    let parsed = humantime::parse_duration(&duration).ok();
    match parsed.filter(|parsed| (MIN_DURATION..=MAX_DURATION).contains(parsed)) {
        Some(duration) => Ok((name, duration)),
        None => Err(format!("Found the duration {}, expected one from 1m to 7d, such as 2h", shown(&duration))),
    }
}

/// How many alerts of this name there are now, if Alertmanager says so.
async fn active(bot: &Bot, base: &Url, name: &str) -> Option<usize> {
    let mut url: Url = below(base, "api/v2/alerts").parse().ok()?;
    url.query_pairs_mut().append_pair("filter", &format!("alertname=\"{name}\""));
    let response = bot.client.get("alertmanager", "/api/v2/alerts", url.as_str(), None).await.ok()?;
    let alerts: Value = serde_json::from_slice(&response.body).ok().filter(|_| response.status.is_success())?;
    alerts.as_array().map(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_has_a_name_and_a_duration_within_limits() {
        let seconds = |duration: u64| Ok(("BackendDown", Duration::from_secs(duration)));
        assert_eq!(read(&["BackendDown", "2h"]), seconds(7_200));
        assert_eq!(read(&["BackendDown", "2h", "30m"]), seconds(9_000));
        assert_eq!(read(&["BackendDown", "1m"]), seconds(60));
        assert_eq!(read(&["BackendDown", "7d"]), seconds(604_800));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for (arguments, expected) in [
            (&[][..], "Found no name, expected /silence NAME DURATION"),
            (&["BackendDown"], "Found no duration, expected /silence NAME DURATION"),
            (&["BackendDown", "59s"], "Found the duration \"59s\", expected one from 1m to 7d"),
            (&["BackendDown", "8d"], "Found the duration \"8d\", expected one from 1m to 7d"),
            (&["BackendDown", "forever"], "Found the duration \"forever\", expected"),
            (&["BackendDown", "99999999999999999999h"], "Found the duration"),
            (&["Down\"} or {", "2h"], "Found the name \"Down\\\"} or {\", expected letters"),
            (&[&long, "2h"], "Found the name"),
        ] {
            let fault = read(arguments).unwrap_err();
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
