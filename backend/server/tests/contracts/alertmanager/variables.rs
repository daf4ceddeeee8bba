//! The variables of the receivers: the same ones in the script, in `.env.example`, in Compose and in native mode.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{Rendered, SERVICES, project, variables_of};

/// The names in one of the lists of `settings.sh`.
fn listed(list: &str) -> BTreeSet<String> {
    let script = format!(". infra/monitoring/alertmanager/settings.sh && printf '%s ' ${list}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(project()).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<String> = names.split_whitespace().map(|name| format!("ALERTMANAGER_{name}")).collect();
    assert!(names.len() > 6, "{names:?}");
    names
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap()
}

/// All that users can set, with the files of the secrets.
fn settable() -> BTreeSet<String> {
    let files = listed("secrets").into_iter().map(|name| format!("{name}_FILE"));
    listed("secrets").into_iter().chain(files).chain(listed("others")).collect()
}

/// Those that `.env.example` shows, with their defaults.
fn shown() -> Vec<(String, String)> {
    let example = read(".env.example");
    let lines = example.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let ours = lines.filter(|(name, _)| name.starts_with("ALERTMANAGER_") && *name != "ALERTMANAGER_PORT");
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn environment(service: &str) -> serde_json::Map<String, Value> {
    let compose: Value = yaml_serde::from_str(&read("docker-compose.yml")).unwrap();
    compose["services"][service]["environment"].as_object().unwrap().clone()
}

#[test]
fn all_of_them_are_shown_and_passed_on() {
    let shown: BTreeSet<String> = shown().into_iter().map(|(name, _)| name).collect();
    assert_eq!(shown, settable());
    // A value of its own is one that the stack sets.
    let passed = environment("alertmanager").into_iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name);
    let expected = settable().into_iter().chain(["ALERTS__MODE".to_owned()]);
    assert_eq!(passed.collect::<BTreeSet<_>>(), expected.collect());
}

#[test]
fn the_backend_gets_no_secret_of_theirs() {
    let environment = environment("backend");
    let native = read("scripts/native.sh");
    for name in listed("secrets") {
        assert_eq!(environment.get(&name), Some(&"".into()), "{name} in docker-compose.yml");
        assert!(native.contains(&format!(" {name}")), "{name} is not among others_secrets in scripts/native.sh");
    }
}

#[test]
fn the_defaults_shown_are_those_that_hold() {
    let all: Vec<&str> = SERVICES.iter().map(|(service, _)| *service).collect();
    let defaults = shown().into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    assert!(defaults.len() >= 5, "{defaults:?}");
    let defaults = defaults.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let [plain, explicit] = [Rendered::valid("inline", variables_of(&all)), {
        Rendered::valid("inline", variables_of(&all).into_iter().chain(defaults))
    }];
    let folder = |rendered: &Rendered| rendered.folder.path().to_str().unwrap().to_owned();
    assert_eq!(plain.text(), explicit.text().replace(&folder(&explicit), &folder(&plain)));
}
