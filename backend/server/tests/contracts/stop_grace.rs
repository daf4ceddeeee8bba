//! How long `./run.sh` and Compose wait for the backend to stop: as long as the backend itself says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Sources the scripts as run.sh does, asks the program, records the answer with a process, and says what a stop would wait.
const SCRIPT: &str = r#"
set -Eeuo pipefail
project_root=$PWD BIND_ADDRESS=127.0.0.1 BACKEND_PORT=1
for file in output ports processes native containers; do source "scripts/$file.sh"; done
mkdir -p "$state/pids" "$state/logs"
require_valid_settings
exec {lock}>"$state/lock"
start_part backend print "${part_grace[backend]}" sleep 60
unset SERVER__SHUTDOWN_GRACE SERVER__DRAIN
[[ $(recorded_fingerprint backend) == print ]]
recorded_grace backend
stop_part backend 5
export_stop_grace_period "$((part_grace[backend] - grace_margin))"
echo "$STOP_GRACE_PERIOD"
"#;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a stop of the backend waits with these settings, natively and in a container.
fn waits(settings: &[(&str, &str)]) -> Vec<String> {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", SCRIPT]).current_dir(project()).env_clear().env("PATH", std::env::var("PATH").unwrap());
    command.env("state", state.path()).env("backend_binary", env!("CARGO_BIN_EXE_belfry"));
    let output = command.envs(settings.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn a_stop_waits_as_long_as_the_settings_say() {
    assert_eq!(waits(&[]), ["20", "30s"]);
    assert_eq!(waits(&[("SERVER__SHUTDOWN_GRACE", "1m30s")]), ["95", "95s"]);
    let both = [("SERVER__SHUTDOWN_GRACE", "500ms"), ("SERVER__DRAIN", "2s 1ms")];
    assert_eq!(waits(&both), ["8", "30s"]);
    assert_eq!(waits(&[("STOP_GRACE_PERIOD", "2m"), ("SERVER__DRAIN", "60s")]), ["80", "2m"]);
}

#[test]
fn compose_waits_longer_than_the_defaults_take() {
    let text = std::fs::read_to_string(project().join("docker-compose.yml")).unwrap();
    let compose: serde_json::Value = yaml_serde::from_str(&text).unwrap();
    let period = compose["services"]["backend"]["stop_grace_period"].as_str().unwrap();
    let seconds: u64 =
        period.strip_prefix("${STOP_GRACE_PERIOD:-").and_then(|rest| rest.strip_suffix("s}")).unwrap().parse().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    let output = command.env_clear().args(["check", "--print", "shutdown-seconds"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.trim().parse::<u64>().unwrap() + 5 <= seconds, "{said}");
}
