//! One stack of the real compose files, under a project name and on ports of its own, removed when dropped.
//! Nothing here knows what Belfry does: it starts, asks and inspects.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use belfry_test_support::ports::free_ports;
use serde_json::Value;

/// Every variable that moves a published port.
pub(crate) const PORTS: [&str; 7] = [
    "BACKEND_PORT",
    "PROMETHEUS_PORT",
    "GRAFANA_PORT",
    "LOKI_PORT",
    "ALERTMANAGER_PORT",
    "NODE_EXPORTER_PORT",
    "BLACKBOX_PORT",
];

/// The folder that holds the compose files.
pub(crate) fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the crate lies two folders below the project")
}

pub(crate) struct Stack {
    project: String,
    environment: BTreeMap<String, String>,
    ports: BTreeMap<&'static str, u16>,
}

impl Stack {
    /// A stack that is described, not yet started.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let ports: BTreeMap<_, _> = PORTS.into_iter().zip(free_ports::<{ PORTS.len() }>()).collect();
        let mut environment: BTreeMap<String, String> =
            ports.iter().map(|(name, port)| ((*name).to_owned(), port.to_string())).collect();
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { project: format!("belfry-test-{}-{number}", std::process::id()), environment, ports }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// What `./run.sh` prints when it is started with this stack's name, ports and settings; it has to succeed.
    pub(crate) fn run_script(&self, arguments: &[&str]) -> String {
        let state = std::env::temp_dir().join(&self.project);
        let mut command = Command::new(project_root().join("run.sh"));
        command.args(arguments).env("COMPOSE_PROJECT_NAME", &self.project).env("BELFRY_STATE", &state);
        // Left by infra/local-images/build.sh; an engine that it gave no images to compiles the program.
        if project_root().join(".belfry/prebuilt/belfry").exists() {
            command.env("BELFRY_BINARY", "prebuilt");
        }
        let output = self.with_own_settings(&mut command).output().expect("run.sh runs");
        let _ = std::fs::remove_dir_all(state);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "run.sh {arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
        printed
    }

    pub(crate) fn url(&self, port: &str, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[port])
    }

    /// `docker compose` with this stack's name and settings. `BELFRY_COMPOSE` replaces the two words.
    pub(crate) fn compose(&self, arguments: &[&str]) -> Output {
        let words = std::env::var("BELFRY_COMPOSE").unwrap_or_else(|_| "docker compose".to_owned());
        let mut words = words.split_whitespace();
        let mut command = Command::new(words.next().expect("BELFRY_COMPOSE names a command"));
        command.args(words).args(["--project-name", &self.project]).args(arguments);
        self.with_own_settings(&mut command).output().expect("docker compose runs; these tests need it: ./run.sh test")
    }

    /// What the machine's own settings say must not decide a test.
    fn with_own_settings<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ALERT") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(project_root())
            .env("BIND_ADDRESS", "127.0.0.1")
            .env("BELFRY_ENV_FILE", "/dev/null")
            .env_remove("COMPOSE_PROFILES")
            .env_remove("COMPOSE_FILE")
            .env_remove("PROMETHEUS__ENABLED")
            .env_remove("GRAFANA_ADMIN_PASSWORD")
            // Built by infra/local-images/build.sh; where it was not, compose compiles it.
            .env("BELFRY_IMAGE", std::env::var("BELFRY_IMAGE").unwrap_or_else(|_| "belfry-backend:test".to_owned()))
            .envs(&self.environment)
            .stdin(Stdio::null())
    }

    /// The standard output of a compose command that has to succeed.
    pub(crate) fn composed(&self, arguments: &[&str]) -> String {
        let output = self.compose(arguments);
        let standard_error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "compose {arguments:?}: {standard_error}");
        String::from_utf8(output.stdout).expect("compose prints UTF-8")
    }

    /// Starts what is named, or everything, and returns once each service is healthy or ended well.
    pub(crate) fn up(&self, services: &[&str]) -> Duration {
        let started = Instant::now();
        let mut arguments = vec!["up", "--detach", "--wait", "--wait-timeout", "240"];
        arguments.extend(services);
        let output = self.compose(&arguments);
        if !output.status.success() {
            let logs = self.compose(&["logs", "--tail", "15"]);
            panic!(
                "the stack did not become healthy: {}\n{}",
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&logs.stdout)
            );
        }
        started.elapsed()
    }

    /// The resolved compose file, as compose understands it.
    pub(crate) fn config(&self, options: &[&str]) -> Value {
        let arguments = [options, &["config", "--format", "json"]].concat();
        serde_json::from_str(&self.composed(&arguments)).expect("compose prints JSON")
    }

    /// What the engine says of each container, by service.
    pub(crate) fn containers(&self) -> BTreeMap<String, Value> {
        let ids = self.composed(&["ps", "--all", "--quiet"]);
        let output = Command::new("docker").arg("inspect").args(ids.split_whitespace()).output().expect("docker runs");
        let inspected: Vec<Value> = serde_json::from_slice(&output.stdout).expect("docker prints JSON");
        inspected
            .into_iter()
            .map(|container| {
                let service = container["Config"]["Labels"]["com.docker.compose.service"].as_str();
                (service.expect("compose labels its containers").to_owned(), container)
            })
            .collect()
    }

    /// How many things of one kind (`container`, `volume`, `network`) the engine has for this project.
    pub(crate) fn left(&self, kind: &str) -> usize {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let output = Command::new("docker")
            .args([kind, "ls", "--quiet", "--filter", &label])
            .args((kind == "container").then_some("--all"))
            .output()
            .expect("docker runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().count()
    }

    pub(crate) fn down_with_volumes(&self) {
        self.composed(&["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20"]);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Also after a failed claim; a stack that never started has nothing to remove.
        self.compose(&["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5"]);
    }
}
