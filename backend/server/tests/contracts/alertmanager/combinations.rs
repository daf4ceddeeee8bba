//! The configuration with none, each and all of the services, in the form for containers and in that for native mode.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::{Rendered, SERVICES, program, variables_of};

/// The key of each service in a receiver, and in how many of the three that somebody reads, it stands: unrouted, critical, warning.
const BLOCKS: [(&str, &str, [bool; 3]); 7] = [
    ("backend", "webhook_configs", [true; 3]),
    ("telegram", "telegram_configs", [true; 3]),
    ("slack", "slack_configs", [true; 3]),
    ("email", "email_configs", [true; 3]),
    ("pagerduty", "pagerduty_configs", [false, true, false]),
    ("opsgenie", "opsgenie_configs", [false, true, false]),
    ("webhook", "webhook_configs", [true; 3]),
];

fn services_of(combination: usize) -> Vec<&'static str> {
    let names = SERVICES.iter().enumerate().filter(|(index, _)| combination & (1 << index) != 0);
    names.map(|(_, (name, _))| *name).collect()
}

fn receiver(config: &Value, name: &str) -> Value {
    let receivers = config["receivers"].as_array().unwrap();
    receivers.iter().find(|receiver| receiver["name"] == name).unwrap().clone()
}

fn count(receiver: &Value, key: &str) -> usize {
    receiver[key].as_array().map_or(0, Vec::len)
}

/// What each receiver has to have, by what is switched on.
fn check_receivers(config: &Value, services: &[&str]) {
    for (index, name) in ["unrouted", "critical", "warning"].into_iter().enumerate() {
        let receiver = receiver(config, name);
        for key in BLOCKS.map(|(_, key, _)| key) {
            let same_key = BLOCKS.iter().filter(|(_, other, _)| *other == key);
            let expected = same_key.filter(|(service, _, places)| places[index] && services.contains(service)).count();
            assert_eq!(count(&receiver, key), expected, "{key} of {name} with {services:?}");
        }
    }
    for (name, service) in [("info", "backend"), ("watchdog", "watchdog")] {
        let receiver = receiver(config, name);
        let expected = usize::from(services.contains(&service));
        assert_eq!(count(&receiver, "webhook_configs"), expected, "{name} with {services:?}");
        assert_eq!(receiver.as_object().unwrap().len(), 1 + expected, "{receiver}");
    }
}

/// Each secret that stands in a file of the script's own, in the place of that file.
fn with_secrets_inline(config: &mut Value, secrets: &str) {
    match config {
        Value::Array(items) => items.iter_mut().for_each(|item| with_secrets_inline(item, secrets)),
        Value::Object(fields) => {
            let is_secret = |value: &Value| value.as_str().is_some_and(|path| path.starts_with(secrets));
            let names: Vec<String> =
                fields.iter().filter(|(_, value)| is_secret(value)).map(|(name, _)| name.clone()).collect();
            for name in names {
                let path = fields.remove(&name).unwrap();
                let secret = std::fs::read_to_string(path.as_str().unwrap()).unwrap();
                fields.insert(name.strip_suffix("_file").unwrap_or_else(|| panic!("{name}")).to_owned(), secret.into());
            }
            fields.values_mut().for_each(|value| with_secrets_inline(value, secrets));
        }
        _ => {}
    }
}

/// As Alertmanager 0.25 can read it: without the two fields that it does not know, which name a file.
fn for_alertmanager_0_25(rendered: &Rendered) {
    let text = rendered.text();
    let lines = text.lines().map(|line| {
        let field = ["bot_token", "url"].into_iter().find(|field| line.contains(&format!("- {field}_file: ")));
        let Some(field) = field else { return format!("{line}\n") };
        let (before, path) = line.split_once(&format!("{field}_file: ")).unwrap();
        format!("{before}{field}: '{}'\n", std::fs::read_to_string(path.trim_matches('\'')).unwrap())
    });
    let text: String = lines.collect();
    std::fs::write(rendered.path("alertmanager.yml"), text).unwrap();
}

/// Renders one combination in both forms, which have to say the same.
fn render(combination: usize) -> [Rendered; 2] {
    let services = services_of(combination);
    let [files, inline] = ["files", "inline"].map(|form| Rendered::valid(form, variables_of(&services)));
    for rendered in [&files, &inline] {
        check_receivers(&rendered.config(), &services);
        let expected = if services.is_empty() { "nothing".to_owned() } else { services.join(", ") };
        assert_eq!(rendered.said, format!("Alertmanager sends to: {expected}\n"));
    }
    // Only their folders differ.
    let folder = |rendered: &Rendered| rendered.folder.path().to_str().unwrap().to_owned();
    let text = inline.text().replace(&folder(&inline), &folder(&files));
    let mut in_files = files.config();
    with_secrets_inline(&mut in_files, files.path("secrets").to_str().unwrap());
    assert_eq!(in_files, yaml_serde::from_str::<Value>(&text).unwrap(), "{services:?}");
    for_alertmanager_0_25(&files);
    [files, inline]
}

#[test]
fn every_combination_of_services_is_valid() {
    let rendered: Vec<Rendered> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || (thread..1 << SERVICES.len()).step_by(4).flat_map(render).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(rendered.len(), 2 << SERVICES.len());
    let Some(amtool) = program(&["amtool"]) else { return };
    let files = rendered.iter().map(|rendered| rendered.path("alertmanager.yml"));
    let output = Command::new(amtool).arg("check-config").args(files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // Each file, and its messages.
    assert_eq!(said.matches("  SUCCESS").count(), 2 * rendered.len());
}

#[test]
fn observed_alerts_reach_the_backend_and_no_person() {
    let all: Vec<&str> = SERVICES.iter().map(|(service, _)| *service).collect();
    let observed = [("ALERTS__MODE", "observe")];
    let rendered = Rendered::valid("files", variables_of(&all).into_iter().chain(observed));
    check_receivers(&rendered.config(), &["backend", "watchdog"]);
    assert!(rendered.said.contains("nobody (ALERTS__MODE=observe)"), "{}", rendered.said);
}

#[test]
fn secrets_are_readable_by_nobody_else() {
    let all: Vec<&str> = SERVICES.iter().map(|(service, _)| *service).collect();
    for form in ["files", "inline"] {
        let rendered = Rendered::valid(form, variables_of(&all));
        let files = Command::new("find").arg(rendered.path("")).output().unwrap();
        let files = String::from_utf8(files.stdout).unwrap();
        assert_eq!(files.contains("/secrets/email_password"), form == "files", "{files}");
        for file in files.lines() {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
        }
        assert_eq!(rendered.text().contains("ABC-def_7"), form == "inline");
        assert!(!rendered.said.contains("ABC-def_7"), "{}", rendered.said);
    }
}

#[test]
fn a_secret_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    // As an editor, or `echo`, leaves it.
    std::fs::write(&path, "https://hooks.slack.test/from/a/file\r\n").unwrap();
    let variables = [("ALERTMANAGER_SLACK_API_URL_FILE", path.to_str().unwrap())];
    let rendered = Rendered::valid("inline", variables);
    let url = &receiver(&rendered.config(), "critical")["slack_configs"][0]["api_url"];
    assert_eq!(url, "https://hooks.slack.test/from/a/file");
}

/// A second rendering leaves no secret of a service that was switched off.
#[test]
fn nothing_of_a_removed_service_stays() {
    let first = Rendered::valid("files", variables_of(&["slack", "pagerduty"]));
    let mut command = Command::new("sh");
    command.arg(super::project().join("infra/monitoring/alertmanager/render.sh")).arg("files").arg(first.path(""));
    let status = command.env("ALERTMANAGER_NOTIFY_BACKEND", "off").output().unwrap().status;
    assert!(status.success());
    assert!(!first.path("secrets").exists());
    check_receivers(&first.config(), &[]);
}
