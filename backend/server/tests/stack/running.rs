//! A stack of the test's own: `./run.sh native` in a temporary state folder, on free ports, with the binary that
//! cargo has just built. Dropping it stops it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use belfry_test_support::ports::free_ports;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

/// Each part and the variable of its port.
pub(crate) const PARTS: [(&str, &str); 5] = [
    ("backend", "BACKEND_PORT"),
    ("prometheus", "PROMETHEUS_PORT"),
    ("alertmanager", "ALERTMANAGER_PORT"),
    ("node-exporter", "NODE_EXPORTER_PORT"),
    ("blackbox-exporter", "BLACKBOX_PORT"),
];

/// The part that is asked queries, and the path under which it has Prometheus's `query` and `query_range`: the way of the pages.
const QUERIES: (&str, &str) = ("backend", "/api/v1/query/prometheus");

/// What one `./run.sh ...` said, both streams, and whether it succeeded.
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) text: String,
}

pub(crate) struct Stack {
    state: TempDir,
    ports: [u16; 5],
    settings: Vec<(String, String)>,
    client: reqwest::Client,
}

impl Stack {
    /// Chooses ports and a folder; starts nothing.
    pub(crate) fn prepared() -> Self {
        Self {
            state: tempfile::tempdir().expect("a temporary folder"),
            ports: free_ports(),
            settings: Vec::new(),
            // The parts are restarted under the client: no connection may outlive its answer.
            client: belfry_telemetry::tls::http_client().pool_max_idle_per_host(0).build().expect("an HTTP client"),
        }
    }

    pub(crate) fn up() -> Self {
        let stack = Self::prepared();
        stack.start();
        stack
    }

    pub(crate) fn start(&self) -> String {
        let answer = self.run(&["native"]);
        assert!(answer.succeeded, "./run.sh native failed:\n{}", answer.text);
        answer.text
    }

    /// The folder of everything native mode writes.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// A program of the monitoring: from PATH, else unpacked by run.sh.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        let unpacked = self.state.path().join("tools/usr/bin").join(name);
        if unpacked.exists() { unpacked } else { name.into() }
    }

    /// A variable for every later command.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        let mut command = Command::new(project_root().join("run.sh"));
        command.args(arguments).stdin(Stdio::null());
        // Settings of the developer's shell and .env are none of the test's.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.contains("__") || name_text.starts_with("ALERTMANAGER_") {
                command.env_remove(name);
            }
        }
        command
            .env("BELFRY_ENV_FILE", "/dev/null")
            .env("BELFRY_STATE", self.state.path())
            .env("BELFRY_BINARY", env!("CARGO_BIN_EXE_belfry"))
            // `down` also stops the containers of this project, which must not be those of somebody who works here.
            .env("COMPOSE_PROJECT_NAME", "belfry-no-containers")
            .env("BIND_ADDRESS", "127.0.0.1");
        for ((_, variable), port) in PARTS.iter().zip(self.ports) {
            command.env(variable, port.to_string());
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let output = command.output().expect("run.sh starts");
        Answer {
            succeeded: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        }
    }

    pub(crate) fn port(&self, part: &str) -> u16 {
        let index = PARTS.iter().position(|(name, _)| *name == part);
        self.ports[index.expect("a part of the stack")]
    }

    pub(crate) fn url(&self, part: &str, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port(part))
    }

    pub(crate) fn pid_file(&self, part: &str) -> PathBuf {
        self.state.path().join("pids").join(part)
    }

    /// The process id that run.sh recorded.
    pub(crate) fn pid(&self, part: &str) -> i32 {
        let text = std::fs::read_to_string(self.pid_file(part)).expect("a recorded process");
        let pid = text.split_whitespace().nth(1).expect("boot id, pid, start time");
        pid.parse().expect("a process id")
    }

    pub(crate) async fn get(&self, part: &str, path: &str) -> (StatusCode, Value) {
        let answer = self.client.get(self.url(part, path)).send().await.expect("the part answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// A page that is not JSON.
    pub(crate) async fn page(&self, part: &str, path: &str) -> String {
        let answer = self.client.get(self.url(part, path)).send().await.expect("the part answers");
        answer.text().await.expect("the page is text")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(self.url("backend", path)).json(body);
        let answer = request.send().await.expect("the backend answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// As `curl -F file=@data/NAME` does.
    pub(crate) async fn upload(&self, name: &str) -> (StatusCode, Value) {
        let bytes = std::fs::read(project_root().join("data").join(name)).expect("a shipped dataset");
        let file = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", file);
        let request = self.client.post(self.url("backend", "/api/v1/datasets")).multipart(form);
        let answer = request.send().await.expect("the backend answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// The series of a query, over a time before now in steps of the scrape interval, or now where that is zero.
    /// Each is `{metric, values: [[time, "value"], ...]}` or `{metric, value: [time, "value"]}`.
    pub(crate) async fn query(&self, expression: &str, before: Duration) -> Result<Vec<Value>, String> {
        let now = std::time::SystemTime::now();
        let since_epoch = now.duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
        let mut parameters = vec![("query", expression.to_owned())];
        let (part, base) = QUERIES;
        let mut path = format!("{base}/query");
        if !before.is_zero() {
            path.push_str("_range");
            parameters.push(("start", (since_epoch - before).as_secs().to_string()));
            parameters.push(("end", since_epoch.as_secs().to_string()));
            parameters.push(("step", "15".to_owned()));
        }
        let url = url::Url::parse_with_params(&self.url(part, &path), parameters).expect("a valid URL");
        let request = self.client.get(url);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        match body["data"]["result"].as_array() {
            // A bare number, `vector(0)` apart, comes as one [time, value] pair.
            Some(pair) if body["data"]["resultType"] == "scalar" => Ok(vec![serde_json::json!({ "value": pair })]),
            Some(series) => Ok(series.clone()),
            // Prometheus's own words, or those of the backend.
            None => Err(body.get("error").or(body.get("detail")).map_or(body.to_string(), Value::to_string)),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let answer = self.run(&["down"]);
        if !answer.succeeded {
            // Without its records nobody could stop what is left.
            self.state.disable_cleanup(true);
            eprintln!("./run.sh down failed, {} is left:\n{}", self.state.path().display(), answer.text);
        }
    }
}

pub(crate) fn project_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
