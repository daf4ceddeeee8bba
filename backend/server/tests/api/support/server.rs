//! A server under test: a child process that is killed when the test drops it.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use belfry_telemetry::error_text::chain;
pub use belfry_test_support::PATIENCE;
use belfry_test_support::eventually;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use sqlx::Executor;
use tempfile::TempDir;

use crate::api::support::control_group::ControlGroup;
use crate::api::support::starting::Starting;

/// A server and the client that speaks to it.
pub struct Server {
    /// Where it listens, such as `http://127.0.0.1:41234`.
    pub url: String,
    /// A client for it.
    pub client: reqwest::Client,
    /// Its data folder.
    pub folder: Arc<TempDir>,
    /// What it has logged since it listens, line by line; of all its lives.
    pub log: Arc<Mutex<Vec<String>>>,
    variables: Vec<(String, String)>,
    child: Child,
}

/// A data folder and a database, with the settings for them.
pub struct Place {
    /// The data folder.
    pub folder: Arc<TempDir>,
    /// The settings, but for those that every test has.
    pub variables: Vec<(String, String)>,
}

impl Place {
    /// A new one.
    pub async fn new(variables: &[(&str, &str)]) -> Self {
        Self::within(Arc::new(tempfile::tempdir().unwrap()), variables).await
    }

    /// One with this data folder, and with a database of its own unless the settings name one.
    pub async fn within(folder: Arc<TempDir>, variables: &[(&str, &str)]) -> Self {
        let mut variables: Vec<(String, String)> =
            variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if let Ok(url) = std::env::var("BELFRY_TEST_DATABASE_URL")
            && !variables.iter().any(|(key, _)| *key == "DATABASE__URL")
        {
            variables.push(("DATABASE__URL".to_owned(), fresh_database(&url).await));
        }
        Self { folder, variables }
    }

    /// Runs the program here with these arguments. Returns whether it succeeded, and what it said.
    pub fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = command(&self.variables, self.folder.path()).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

impl Server {
    /// Starts a server with default settings.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with these settings besides the defaults.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_at(Place::new(variables).await)
    }

    /// Starts a server on this data folder.
    pub async fn start_in(folder: Arc<TempDir>, variables: &[(&str, &str)]) -> Self {
        Self::start_at(Place::within(folder, variables).await)
    }

    /// Starts a server at a place.
    pub fn start_at(place: Place) -> Self {
        let Place { folder, variables } = place;
        let log = Arc::default();
        let (child, url) = spawn(&variables, folder.path(), &log);
        Self { url, client: client(), folder, log, variables, child }
    }

    /// Starts a server with these settings, in a control group if there is one.
    pub async fn start_within(group: Option<&ControlGroup>, variables: &[(&str, &str)]) -> Self {
        let Place { folder, variables } = Place::new(variables).await;
        let log = Arc::default();
        let program = group.map_or_else(|| Command::new(PROGRAM), |group| group.command(PROGRAM));
        let command = with_settings(program, &variables, folder.path());
        let (child, url) = Starting::begin_command(command, "\"starting\"").0.finish(&log);
        Self { url, client: client(), folder, log, variables, child }
    }

    /// Where this server is, for another program.
    pub fn place(&self) -> Place {
        Place { folder: self.folder.clone(), variables: self.variables.clone() }
    }

    /// Starts another server with the same settings on the same state.
    pub fn beside(&self) -> Self {
        let (log, folder) = (Arc::default(), self.folder.clone());
        let (child, url) = spawn(&self.variables, folder.path(), &log);
        Self { url, client: client(), folder, log, variables: self.variables.clone(), child }
    }

    /// Kills the server without warning and starts it again on the same state.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.start_again(&[]);
    }

    /// Kills the server without warning.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts a stopped server again on the same state, with these settings besides those it had.
    pub fn start_again(&mut self, variables: &[(&str, &str)]) {
        self.variables.extend(variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        (self.child, self.url) = spawn(&self.variables, self.folder.path(), &self.log);
    }

    /// Starts a stopped server again, but only until it has logged `message`. Returns what it said by then.
    pub fn begin_to_start(&self, message: &str) -> (Starting, String) {
        Starting::begin(&self.variables, self.folder.path(), message)
    }

    /// Waits until a server that was begun to be started listens.
    pub fn finish_start(&mut self, starting: Starting) {
        (self.child, self.url) = starting.finish(&self.log);
    }

    /// Asks the server to stop, as an orchestrator would, and returns its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.ended().await
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the server's end and returns its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        eventually("the server stops", PATIENCE, async || self.child.try_wait().unwrap()).await.code()
    }

    /// Its database, for what the API does not show and for states that only time would bring about.
    pub async fn database(&self) -> sqlx::AnyPool {
        sqlx::any::install_default_drivers();
        let url = self.variables.iter().find(|(key, _)| key == "DATABASE__URL").map(|(_, url)| url.clone());
        let file = self.folder.path().join("belfry.db");
        let url = url.unwrap_or_else(|| format!("sqlite://{}", file.display()));
        sqlx::any::AnyPoolOptions::new().max_connections(2).connect(&url).await.unwrap()
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Response {
        answered(self.client.get(format!("{}{path}", self.url))).await
    }

    /// `GET path`, which must succeed, as JSON.
    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "GET {path} answers {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        answered(self.client.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// The value of a series on `/metrics`, such as `http_requests_total{method="GET",endpoint="/livez",status="200"}`.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.get("/metrics").await.text().await.unwrap();
        let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// Waits until a series has this value.
    pub async fn await_metric(&self, series: &str, expected: f64) {
        eventually(&format!("{series} is {expected}"), PATIENCE, async || {
            let last = self.metric(series).await;
            if last == Some(expected) { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
    }

    /// Waits until a series has at least this value.
    pub async fn await_metric_at_least(&self, series: &str, least: f64) {
        eventually(&format!("{series} is {least} or more"), PATIENCE, async || {
            let last = self.metric(series).await;
            if last >= Some(least) { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
    }

    /// Waits until a route answers with this status, and returns the body.
    pub async fn await_status(&self, path: &str, status: StatusCode) -> Value {
        eventually(&format!("{path} answers {status}"), PATIENCE, async || {
            let answer = self.get(path).await;
            let found = answer.status();
            let body: Value = answer.json().await.unwrap();
            if found == status { Ok(body) } else { Err(format!("{found}: {body}")) }
        })
        .await
    }

    /// Waits until the log has a line with all of these.
    pub async fn await_log(&self, parts: &[&str]) {
        let says = |line: &String| parts.iter().all(|part| line.contains(part));
        let awaited = format!("a line says {parts:?}");
        eventually(&awaited, PATIENCE, async || self.log.lock().unwrap().iter().any(says)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a request that must be answered.
///
/// # Panics
/// With all causes, and how long it took, if it is not.
pub async fn answered(request: RequestBuilder) -> Response {
    let began = Instant::now();
    request.send().await.unwrap_or_else(|error| panic!("no answer after {:?}: {}", began.elapsed(), chain(&error)))
}

/// Asserts that an answer is a problem with this status and code, and returns it.
pub async fn problem(response: Response, status: StatusCode, code: &str) -> Value {
    let found = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let cache_control = response.headers().get("cache-control").cloned();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    assert_eq!(cache_control.unwrap(), "no-store", "{text}");
    assert_eq!(content_type, "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], code, "{text}");
    assert!(problem["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{text}");
    problem
}

/// One of the datasets that the project ships.
pub fn shipped(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name)).unwrap()
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_belfry");

/// A command for the binary with these settings and no others.
pub fn command(variables: &[(String, String)], folder: &Path) -> Command {
    with_settings(Command::new(PROGRAM), variables, folder)
}

fn with_settings(mut command: Command, variables: &[(String, String)], folder: &Path) -> Command {
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("DATA__DIR", folder).env("SERVER__PORT", "0").env("LOG__FORMAT", "json").env("RUST_BACKTRACE", "1");
    // How full this machine is, is no result of a test.
    command.env("ALERTS__THRESHOLD_DISK", "98").env("ALERTS__THRESHOLD_MEMORY", "98");
    command.envs(variables.iter().map(|(key, value)| (key, value)));
    command
}

fn client() -> reqwest::Client {
    // Reading the system's certificates, which no server here has, takes longer than most requests.
    belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]).timeout(PATIENCE).build().unwrap()
}

/// Starts the server and reads the address it took from its log. The rest of its log goes to the test's output.
fn spawn(variables: &[(String, String)], folder: &Path, log: &Arc<Mutex<Vec<String>>>) -> (Child, String) {
    Starting::begin(variables, folder, "\"starting\"").0.finish(log)
}

/// A new database on the PostgreSQL server behind `url`.
async fn fresh_database(url: &str) -> String {
    let name = format!("belfry_{}", uuid::Uuid::now_v7().simple());
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    pool.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    pool.close().await;
    let mut url: url::Url = url.parse().unwrap();
    url.set_path(&name);
    url.to_string()
}
