//! Every setting takes its bounds and nothing outside, whatever is set instead is refused in one line, and so is what
//! contradicts what. The values are in `rows.rs`.

mod rows;

use std::collections::BTreeSet;

use belfry_telemetry::settings;

use super::*;
use rows::{NONSENSE, ROWS, Row, Variables};

/// In every value that must not be shown.
const MARK: &str = "hunter2";

fn read(reader: &mut Reader<Config>, variables: &[(&str, &str)]) -> Result<Config, SettingsError> {
    let variables = variables.iter().map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned()));
    Config::read_by(reader, variables)
}

/// The error, which must be one short line without what is marked.
fn checked(error: &SettingsError) -> String {
    let line = error.to_string();
    let is_line = !line.contains(char::is_control) && line.len() < 400;
    assert!(is_line && !line.contains(MARK) && !error.found.is_empty() && !error.expected.is_empty(), "{line}");
    line
}

#[test]
fn every_setting_has_a_row() {
    let command = settings::command::<Config>();
    let known: BTreeSet<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.variable).collect();
    assert_eq!(rows.len(), ROWS.len(), "a setting has two rows");
    assert_eq!(known, rows);
}

#[test]
fn every_setting_takes_its_bounds_and_nothing_outside() {
    let mut reader = settings::reader();
    for Row { variable, taken, refused, with } in ROWS {
        for value in *taken {
            let result = read(&mut reader, &[with, &[(*variable, *value)][..]].concat());
            assert!(result.is_ok(), "{variable}={value}: {}", result.unwrap_err());
        }
        for value in *refused {
            let result = read(&mut reader, &[with, &[(*variable, *value)][..]].concat());
            let error = result.err().unwrap_or_else(|| panic!("{variable}={value:?} is taken"));
            assert_eq!(error.variable, *variable, "{}", checked(&error));
            checked(&error);
        }
    }
}

#[test]
fn nonsense_is_refused_in_one_line_or_harmless() {
    let mut reader = settings::reader();
    let long = "9".repeat(70_000);
    for Row { variable, with, .. } in ROWS {
        for value in NONSENSE.iter().copied().chain([long.as_str()]) {
            if let Err(error) = read(&mut reader, &[with, &[(*variable, value)][..]].concat()) {
                checked(&error);
            }
        }
        let file = format!("{variable}_FILE");
        checked(&read(&mut reader, &[(file.as_str(), "/nowhere/at all")]).unwrap_err());
    }
}

#[test]
fn contradictions_are_refused() {
    let mut reader = settings::reader();
    let cases: &[(Variables, &str)] = &[
        (
            &[("SERVER__HOST", "0.0.0.0")],
            "SERVER__HOST: found `0.0.0.0`, expected a loopback address such as 127.0.0.1",
        ),
        (&[("SERVER__HOST", "::")], "SERVER__HOST: found `::`, expected a loopback address"),
        (&[("AUTH__PUBLISHED_ON", "192.0.2.1")], "AUTH__PUBLISHED_ON: found `192.0.2.1`, expected a loopback address"),
        (
            &[("SERVER__HOST", "192.0.2.1"), ("AUTH__PUBLISHED_ON", "127.0.0.1")],
            "SERVER__HOST: found `192.0.2.1`, expected a loopback address",
        ),
        (&[("RETENTION__MIN_TTL", "91d")], "RETENTION__MIN_TTL: found 2months"),
        (&[("RETENTION__TTL", "59s")], "RETENTION__TTL: found 59s, expected between RETENTION__MIN_TTL and"),
        (&[("RETENTION__TTL", "91d")], "RETENTION__TTL: found 2months"),
        (&[("TRAINING__LEASE", "61m")], "CLEANUP__ORPHAN_GRACE: found 1h, expected at least TRAINING__LEASE"),
        (
            &[("UPLOAD__MAX_UNCOMPRESSED_BYTES", "64KiB")],
            "UPLOAD__MAX_RECORD_BYTES: found 512.0 KiB, expected no more than UPLOAD__MAX_UNCOMPRESSED_BYTES",
        ),
        (
            &[("SERVER__BODY_TIMEOUT", "29s")],
            "UPLOAD__IDLE_TIMEOUT: found 30s, expected no more than SERVER__BODY_TIMEOUT",
        ),
        (
            &[("TRAINING__WORKERS", "9")],
            "DATABASE__MAX_CONNECTIONS: found 8, expected at least one for each of TRAINING__WORKERS",
        ),
        (&[("STORAGE__ENDPOINT", "http://h")], "STORAGE__ENDPOINT: found an address, expected STORAGE__URL to be set"),
        (&[("STORAGE__ACCESS_KEY_ID", "hunter2")], "STORAGE__SECRET_ACCESS_KEY: found nothing, expected a key beside"),
        (&[("STORAGE__SECRET_ACCESS_KEY", "hunter2")], "STORAGE__ACCESS_KEY_ID: found nothing, expected a key beside"),
        (&[("AI__ENABLED", "true")], "AI__BASE_URL: found nothing, expected the provider's URL"),
        (
            &[("AI__ENABLED", "true"), ("AI__BASE_URL", "http://h")],
            "AI__MODEL: found nothing, expected the name of the provider's model",
        ),
        (
            &[("AI__RESERVATION_TTL", "1m")],
            "AI__RESERVATION_TTL: found 1m, expected more than AI__TIMEOUT, which is 1m",
        ),
        (&[("TELEGRAM__ENABLED", "true")], "TELEGRAM__TOKEN: found nothing, expected the bot's token"),
        (
            &[("TELEGRAM__ENABLED", "true"), ("TELEGRAM__TOKEN", "1:hunter2")],
            "TELEGRAM__CHAT_ID: found nothing, expected the chat that is sent the messages",
        ),
        (
            &[("LOKI__ENABLED", "true"), ("LOKI__DELIVERY", "direct"), ("LOKI__URL", "https://loki:3100")],
            "LOKI__URL: found https with LOKI__DELIVERY=direct, which has no TLS, expected an http URL",
        ),
        (&[("SERVER__PORT", "1"), ("SERVER__PORT_FILE", "/dev/null")], "SERVER__PORT: found both SERVER__PORT and"),
    ];
    for (variables, expected) in cases {
        let line = checked(&read(&mut reader, variables).unwrap_err());
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn an_open_address_needs_keys_or_a_word() {
    let mut reader = settings::reader();
    let open = ("SERVER__HOST", "0.0.0.0");
    for word in [("AUTH__MODE", "keys"), ("AUTH__ALLOW_ANONYMOUS", "true"), ("AUTH__PUBLISHED_ON", "127.0.0.1")] {
        read(&mut reader, &[open, word]).unwrap();
    }
    for loopback in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
        read(&mut reader, &[("SERVER__HOST", loopback)]).unwrap();
    }
}

#[test]
fn all_contradictions_are_listed_at_once() {
    let variables = [("RETENTION__TTL", "1s"), ("AI__ENABLED", "true"), ("TRAINING__WORKERS", "9")];
    let variables = variables.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
    let config: Config = settings::read(variables).unwrap();
    let named: Vec<String> = config.contradictions().into_iter().map(|fault| fault.variable).collect();
    assert_eq!(named, ["RETENTION__TTL", "DATABASE__MAX_CONNECTIONS", "AI__BASE_URL", "AI__MODEL"]);
}

#[test]
fn followers_that_may_take_all_connections_are_warned_of() {
    let mut reader = settings::reader();
    let cases: [(Variables, Option<usize>); 4] = [
        (&[], None),
        (&[("TRAINING__MAX_FOLLOWERS", "256")], Some(256)),
        (&[("SERVER__MAX_CONNECTIONS", "200")], Some(200)),
        (&[("TRAINING__MAX_FOLLOWERS", "256"), ("SERVER__MAX_CONNECTIONS_PER_ADDRESS", "300")], None),
    ];
    for (variables, expected) in cases {
        let config = read(&mut reader, variables).unwrap();
        assert_eq!(config.connections_below_followers(), expected, "{variables:?}");
    }
}

#[test]
fn a_shutdown_takes_whole_seconds() {
    let mut reader = settings::reader();
    for (grace, drain, seconds) in [("15s", "0s", 15), ("1m30s", "0s", 90), ("500ms", "0s", 1), ("1s", "2s 1ms", 4)] {
        let config = read(&mut reader, &[("SERVER__SHUTDOWN_GRACE", grace), ("SERVER__DRAIN", drain)]).unwrap();
        assert_eq!(config.server.shutdown_seconds(), seconds, "{grace} and {drain}");
    }
}
