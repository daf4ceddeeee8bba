//! `belfry check`: the settings are judged as the server judges them, and no server starts.

use std::process::{Command, Output};

/// Runs it with these variables alone.
fn check(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.env_clear().envs(variables.iter().copied()).arg("check").output().unwrap()
}

/// What it says of settings that a server would refuse.
fn faults(variables: &[(&str, &str)]) -> Vec<String> {
    let output = check(variables);
    assert_eq!(output.status.code(), Some(2), "{variables:?}");
    assert!(output.stdout.is_empty(), "{variables:?}");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn settings_that_a_server_takes_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for variables in [
        vec![],
        vec![("UPLOAD__MAX_BYTES", "1GiB"), ("SOMEBODYS_OWN", "x"), ("FOO__BAR", "x"), ("AI__BASE_URL", "")],
        vec![("STORAGE__URL", "s3://bucket/prefix"), ("STORAGE__ENDPOINT", "http://127.0.0.1:9")],
        vec![("DATABASE__URL", "postgres://nobody:secret@127.0.0.1:9/none"), ("SERVER__PORT", "1")],
    ] {
        let variables: Vec<_> = variables.into_iter().chain([("DATA__DIR", data.to_str().unwrap())]).collect();
        let output = check(&variables);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "settings are valid\n", "{variables:?}");
        assert!(output.status.success() && output.stderr.is_empty(), "{variables:?}");
    }
    assert!(!data.exists(), "it made the data folder");
}

#[test]
fn each_fault_is_one_line_that_names_its_variable() {
    let said = faults(&[
        ("UPLOAD__MAX_BYTES", "many"),
        ("UPLOAD__MAX_BYTE", "1"),
        ("UPLAOD__MAX_BYTES", "1GiB"),
        ("LOG__LEVEL", "loud"),
        ("PROMETHEUS__BEARER_TOKEN_FILE", "/nowhere"),
        ("DATABASE__URL", "postgres://user:hunter2@host/db"),
        ("DATABASE__URL_FILE", "/nowhere"),
    ]);
    assert_eq!(said.len(), 6, "{said:?}");
    for expected in [
        "belfry: UPLOAD__MAX_BYTES: found `many`, expected a size such as 64MiB",
        "belfry: UPLOAD__MAX_BYTE: found an unknown key, expected UPLOAD__MAX_BYTES perhaps",
        "belfry: UPLAOD__MAX_BYTES: found an unknown section, expected UPLOAD__MAX_BYTES perhaps",
        "belfry: LOG__LEVEL: found `loud`, expected",
        "belfry: PROMETHEUS__BEARER_TOKEN_FILE: found the path `/nowhere`",
        "belfry: DATABASE__URL",
    ] {
        assert_eq!(said.iter().filter(|line| line.starts_with(expected)).count(), 1, "{expected}: {said:?}");
    }
    assert!(!said.concat().contains("hunter2"), "{said:?}");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (variables, expected) in [
        (vec![("RETENTION__TTL", "1s")], "belfry: RETENTION__TTL: found 1s, expected between"),
        (vec![("AI__ENABLED", "true"), ("AI__MODEL", "m")], "belfry: AI__BASE_URL: found nothing, expected"),
        (
            vec![("STORAGE__URL", "s3://bucket"), ("STORAGE__SECRET_ACCESS_KEY", "hunter2")],
            "belfry: STORAGE__ACCESS_KEY_ID: found nothing, expected",
        ),
        (
            vec![("LOKI__ENABLED", "true"), ("LOKI__DELIVERY", "direct"), ("LOKI__URL", "https://loki:3100")],
            "belfry: LOKI__URL: found https with LOKI__DELIVERY=direct, which has no TLS, expected an http URL, or",
        ),
        (vec![("STORAGE__URL", "s3://")], "belfry: STORAGE__URL: found `s3://`, expected s3://bucket/prefix"),
    ] {
        let said = faults(&variables);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(expected), "{said:?}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
}

#[test]
fn every_contradiction_is_listed_and_nothing_else_printed() {
    let said = faults(&[("RETENTION__TTL", "1s"), ("AI__ENABLED", "true"), ("TRAINING__WORKERS", "9")]);
    let named: Vec<_> = said.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(named, ["RETENTION__TTL", "DATABASE__MAX_CONNECTIONS", "AI__BASE_URL", "AI__MODEL"], "{said:?}");
}
