//! An example as a process of its own, asked over HTTP.

#![allow(dead_code, clippy::unwrap_used)]

pub mod prometheus;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use belfry_test_support::eventually_blocking;
use belfry_test_support::ports::free_port;

/// How long anything awaited may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Service {
    child: Child,
    address: String,
}

impl Service {
    /// Starts the minimal example.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_example("minimal", variables)
    }

    pub fn start_example(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_command(command(name).envs(variables.iter().copied()).stderr(Stdio::null()))
    }

    pub fn start_command(command: &mut Command) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let service = Self { child: command.env("ADDRESS", &address).spawn().unwrap(), address };
        eventually_blocking("the example listens", PATIENCE, || TcpStream::connect(&service.address).is_ok());
        service
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends raw HTTP and leaves the answer on the connection.
    pub fn begin(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Sends raw HTTP and returns the whole answer.
    pub fn send(&self, request: &str) -> String {
        let mut stream = self.begin(request);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn ask(&self, method: &str, path: &str) -> String {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    /// Asks it to stop, as an orchestrator would, and returns how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        eventually_blocking("it stops", PATIENCE, || self.child.try_wait().unwrap())
    }

    /// What it has written to its standard output, once it has ended.
    pub fn output(&mut self) -> String {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub fn page(&self) -> String {
        self.ask("GET", "/metrics")
    }

    /// The value of a series on the page, or nothing when it is not there.
    pub fn value(&self, series: &str) -> Option<f64> {
        let page = self.page();
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until the page has this series, and returns its value.
    pub fn await_value(&self, series: &str) -> f64 {
        eventually_blocking(&format!("the page has {series}"), PATIENCE, || {
            self.value(series).ok_or_else(|| self.page())
        })
    }

    /// Waits until the page has this line.
    pub fn await_line(&self, line: &str) {
        eventually_blocking(&format!("the page has the line {line}"), PATIENCE, || {
            let page = self.page();
            if page.lines().any(|found| found == line) { Ok(()) } else { Err(page) }
        });
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example with no variables but those that are added.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(example(name));
    command.env_clear();
    command
}

/// The example's binary, which cargo builds beside this test's.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing; cargo test -p belfry-telemetry builds it", path.display());
    path
}
