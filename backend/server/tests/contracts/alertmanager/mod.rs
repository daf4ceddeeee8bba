//! How Alertmanager notifies: `infra/monitoring/alertmanager/render.sh` with every combination of services, what it refuses, and
//! what the services then receive from a real Alertmanager.

mod combinations;
mod delivery;
mod limits;
mod refusals;
mod running;
mod telegram_html;
mod variables;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::api::support::skipping::skipped;

/// The services that can be switched on, with variables that do it.
const SERVICES: [(&str, &[(&str, &str)]); 8] = [
    ("backend", &[("ALERTMANAGER_NOTIFY_BACKEND", "true")]),
    (
        "telegram",
        &[("ALERTMANAGER_TELEGRAM_BOT_TOKEN", "123456:ABC-def_7"), ("ALERTMANAGER_TELEGRAM_CHAT_ID", "-1001234567890")],
    ),
    (
        "slack",
        &[("ALERTMANAGER_SLACK_API_URL", "https://hooks.slack.test/T/B"), ("ALERTMANAGER_SLACK_CHANNEL", "#it's: on")],
    ),
    (
        "email",
        &[
            ("ALERTMANAGER_EMAIL_TO", "Jürgen <j@example.test>, on-call@example.test"),
            ("ALERTMANAGER_EMAIL_FROM", "\"Belfry: alerts\" <belfry@example.test>"),
            ("ALERTMANAGER_EMAIL_SMARTHOST", "smtp.example.test:587"),
            ("ALERTMANAGER_EMAIL_USERNAME", "us'er"),
            ("ALERTMANAGER_EMAIL_PASSWORD", PASSWORD),
        ],
    ),
    ("pagerduty", &[("ALERTMANAGER_PAGERDUTY_ROUTING_KEY", "0123456789abcdef0123456789abcdef")]),
    ("opsgenie", &[("ALERTMANAGER_OPSGENIE_API_KEY", "00000000-aaaa-bbbb-cccc-111111111111")]),
    (
        "webhook",
        &[("ALERTMANAGER_WEBHOOK_URL", "https://hook.test/a?b=c&d"), ("ALERTMANAGER_WEBHOOK_TOKEN", "t0ken+/=")],
    ),
    ("watchdog", &[("ALERTMANAGER_WATCHDOG_URL", "https://watch.test/ping/1")]),
];

/// Everything that YAML, shells, templates and `echo` take for something else.
const PASSWORD: &str = r#" it's "a": {{ b }} \n # $(c) `d` %s é "#;

fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The variables of some services. The backend is on by default.
fn variables_of(services: &[&str]) -> Vec<(&'static str, &'static str)> {
    let on = SERVICES.iter().filter(|(service, _)| services.contains(service)).flat_map(|(_, variables)| *variables);
    let off = (!services.contains(&"backend")).then_some(&("ALERTMANAGER_NOTIFY_BACKEND", "false"));
    on.chain(off).copied().collect()
}

/// What one run of the script made and said.
struct Rendered {
    folder: TempDir,
    code: Option<i32>,
    /// Standard output.
    said: String,
    /// Standard error.
    refused: String,
}

impl Rendered {
    /// Runs the script with these variables and no others.
    fn with<'v>(form: &str, variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "token of the backend\n").unwrap();
        let mut command = Command::new("sh");
        command.arg(project().join("infra/monitoring/alertmanager/render.sh")).arg(form).arg(folder.path().join("out"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("ALERTMANAGER_BACKEND_TOKEN_FILE", folder.path().join("token")).envs(variables);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { folder, code: output.status.code(), said: text(output.stdout), refused: text(output.stderr) }
    }

    /// The same, where it has to succeed.
    fn valid<'v>(form: &str, variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let rendered = Self::with(form, variables);
        assert_eq!((rendered.code, rendered.refused.as_str()), (Some(0), ""), "{}", rendered.said);
        rendered
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("out").join(file)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path("alertmanager.yml")).unwrap()
    }

    fn config(&self) -> serde_json::Value {
        yaml_serde::from_str(&self.text()).unwrap()
    }
}

/// A program of Alertmanager by its names, upstream's and Debian's; none on a machine without it, where the test says that it is
/// skipped.
fn program(names: &[&'static str]) -> Option<&'static str> {
    let found = names.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        skipped(&format!("there is no {} on this machine", names[0]));
    }
    found.copied()
}
