//! Whether the scripts of `run.sh` take a switch of the backend for off exactly when the backend does.

use std::path::{Path, PathBuf};
use std::process::Command;

use belfry_telemetry::settings;

fn bash(script: &str, variables: &[(&str, &str)]) -> std::process::Output {
    let project: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -Eeuo pipefail\n{script}")]).current_dir(project).env_clear();
    command.env("PATH", std::env::var("PATH").unwrap()).envs(variables.iter().copied()).output().unwrap()
}

/// What `is_off` says with these variables.
#[track_caller]
fn is_off(variables: &[(&str, &str)]) -> bool {
    let script = "source scripts/environment.sh; if is_off VIEWER__ENABLED; then echo off; else echo on; fi";
    let output = bash(script, variables);
    match String::from_utf8_lossy(&output.stdout).trim() {
        "off" => true,
        "on" => false,
        said => panic!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn a_switch_is_off_in_each_spelling_the_backend_takes() {
    let spellings =
        ["false", "0", "no", "off", "FALSE", "No", "oFF", "true", "1", "yes", "on", "TRUE", "Yes", "offf", "00", "n"];
    for spelling in spellings {
        let expected = settings::switch(spelling) == Ok(false);
        assert_eq!(is_off(&[("VIEWER__ENABLED", spelling)]), expected, "{spelling}");
    }
    assert!(!is_off(&[]) && !is_off(&[("VIEWER__ENABLED", "")]), "it is on by default");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("switch");
    for (content, expected) in [("off\n", true), ("No\r\n", true), ("on\n", false)] {
        std::fs::write(&file, content).unwrap();
        assert_eq!(is_off(&[("VIEWER__ENABLED_FILE", file.to_str().unwrap())]), expected, "{content:?}");
    }
    assert!(!is_off(&[("VIEWER__ENABLED_FILE", "/nowhere")]));
}

/// Only whether every part is up is not asked: nothing runs here.
#[test]
fn nobody_waits_for_what_is_switched_off() {
    let script = r#"
        project_root=$PWD
        for file in output environment ports processes native first-data; do source "scripts/$file.sh"; done
        choose_state_folder
        load_environment
        stack_is_up() { true; }
        await_first_data 1"#;
    let folder = tempfile::tempdir().unwrap();
    let state = ("BELFRY_STATE", folder.path().to_str().unwrap());
    for (name, value) in [("VIEWER__ENABLED", "Off"), ("VIEWER__ENABLED", "0"), ("PROMETHEUS__ENABLED", "no")] {
        let output = bash(script, &[(name, value), state, ("BELFRY_ENV_FILE", "/dev/null"), ("BACKEND_PORT", "9")]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(&format!("switched off ({name})")), "{name}={value}: {said}");
    }
    let output = bash(script, &[state, ("BELFRY_ENV_FILE", "/dev/null"), ("BACKEND_PORT", "9")]);
    assert!(!output.status.success(), "with both on there is data to wait for");
}
