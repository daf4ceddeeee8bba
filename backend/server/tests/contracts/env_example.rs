//! `.env.example` says what the program and the compose files say: every variable, with the defaults that hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap()
}

fn printed_settings() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).arg("config").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The variables of a commented example, with their defaults.
fn variables(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, value)) = line.strip_prefix('#').and_then(|line| line.split_once('=')) else { continue };
        if is_name(name) {
            assert!(found.insert(name.to_owned(), value.to_owned()).is_none(), "{name} stands there twice");
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Each `${NAME}` and `${NAME:-default}` of a text, with its default.
fn references(text: &str) -> Vec<(String, Option<String>)> {
    let inside = text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(inside, _)| inside));
    let named = inside.map(|inside| match inside.split_once(":-") {
        Some((name, default)) => (name.to_owned(), Some(default.to_owned())),
        None => (inside.to_owned(), None),
    });
    named.filter(|(name, _)| is_name(name)).collect()
}

fn stack_part() -> BTreeMap<String, String> {
    let example = read(".env.example");
    let printed = printed_settings();
    let Some(header) = example.strip_suffix(&printed) else {
        panic!(".env.example must end with the output of `belfry config`, which is now:\n{printed}")
    };
    variables(header)
}

#[test]
fn it_ends_with_what_the_program_prints() {
    assert!(stack_part().len() > 10);
    assert!(variables(&printed_settings()).len() > 30);
}

#[test]
fn every_default_it_shows_is_one_the_program_accepts() {
    let settings = variables(&printed_settings());
    // With the port of nobody: the settings are read, then there is no answer.
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.env_clear().envs(&settings).env("SERVER__PORT", "1").arg("healthcheck");
    let error = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(error.contains("no answer from http://127.0.0.1:1/readyz"), "{error}");
}

#[test]
fn every_variable_of_compose_is_in_it_with_its_default() {
    let stack = stack_part();
    let settings = variables(&printed_settings());
    let mut seen = 0;
    for file in ["docker-compose.yml", "docker-compose.dev.yml"] {
        for (name, default) in references(&read(file)) {
            seen += 1;
            if settings.contains_key(&name) {
                continue;
            }
            let shown = stack.get(&name).unwrap_or_else(|| panic!("{name} of {file} is not in .env.example"));
            assert_eq!(default.as_deref().unwrap_or_default(), shown, "the default of {name} in {file}");
        }
    }
    assert!(seen > 20, "only {seen} variables were found in the compose files");
}

#[test]
fn every_variable_that_compose_passes_on_stands_in_it() {
    let compose: serde_json::Value = yaml_serde::from_str(&read("docker-compose.yml")).unwrap();
    let (stack, settings) = (stack_part(), variables(&printed_settings()));
    for (service, definition) in compose["services"].as_object().unwrap() {
        let Some(environment) = definition["environment"].as_object() else { continue };
        for (name, value) in environment {
            let known = stack.contains_key(name) || settings.contains_key(name);
            assert!(known || !value.is_null(), "{name}, passed on to {service}, is not in .env.example");
        }
    }
    let passed = compose["services"]["backend"]["environment"].as_object().unwrap();
    let forgotten: Vec<_> = settings.keys().filter(|name| !passed.contains_key(*name)).collect();
    assert!(forgotten.is_empty(), "docker-compose.yml does not pass on {forgotten:?}");
}

#[test]
fn native_mode_has_the_same_defaults() {
    let stack = stack_part();
    let mut seen = 0;
    for line in read("scripts/environment.sh").lines() {
        let Some((name, value)) = line.trim().strip_prefix("export ").and_then(|line| line.split_once('=')) else {
            continue;
        };
        let Some((_, Some(default))) = references(value).pop() else { continue };
        assert_eq!(stack.get(name), Some(&default), "the default of {name} in scripts/environment.sh");
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} defaults were found");
}
