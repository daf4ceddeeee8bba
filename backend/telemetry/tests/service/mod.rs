//! An example as a process of its own, asked over HTTP.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long anything awaited may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Service {
    child: Child,
    address: String,
}

/// An address that nobody listens on, and that no other test is given: of the ports that the kernel gives to nobody by itself.
fn free_address() -> String {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let begin = 15_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 16;
    loop {
        let port = begin + TRIED.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("127.0.0.1:{port}");
        }
    }
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
        let address = free_address();
        let service = Self { child: command.env("ADDRESS", &address).spawn().unwrap(), address };
        let started = Instant::now();
        while TcpStream::connect(&service.address).is_err() {
            assert!(started.elapsed() < PATIENCE, "the example does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
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
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
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

    /// Waits until the page has this line.
    pub fn await_line(&self, line: &str) {
        let started = Instant::now();
        while !self.page().lines().any(|found| found == line) {
            assert!(started.elapsed() < PATIENCE, "no line {line} in\n{}", self.page());
            std::thread::sleep(Duration::from_millis(20));
        }
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
