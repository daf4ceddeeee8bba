//! A server on its way up, as its log tells.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::api::support::server::command;

/// A process that has been started and does not listen yet; killed with the value.
pub struct Starting {
    /// Where it answers already, and is not ready.
    pub url: String,
    child: Option<Child>,
    lines: Option<Lines<BufReader<ChildStderr>>>,
}

impl Starting {
    /// Starts a server and waits until it has logged this. Returns what it said by then.
    pub fn begin(variables: &[(String, String)], folder: &Path, message: &str) -> (Self, String) {
        Self::begin_command(command(variables, folder), message)
    }

    /// Runs a command for the program in the same way.
    pub fn begin_command(mut command: Command, message: &str) -> (Self, String) {
        let mut child = command.arg("serve").stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut starting = Self { url: String::new(), child: Some(child), lines: Some(lines) };
        let seen = starting.read_to(message);
        (starting, seen)
    }

    fn read_to(&mut self, message: &str) -> String {
        let lines = self.lines.as_mut().unwrap();
        let mut seen = String::new();
        loop {
            let Some(Ok(line)) = lines.next() else { panic!("the server did not start: {seen}") };
            seen = seen + &line + "\n";
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = event["address"].as_str() {
                self.url = format!("http://{address}");
            }
            if line.contains(message) {
                return seen;
            }
        }
    }

    /// Waits until it listens. The rest of its log goes to the test's output, too.
    pub fn finish(mut self, log: &Arc<Mutex<Vec<String>>>) -> (Child, String) {
        self.read_to("\"listening\"");
        let (lines, log) = (self.lines.take().unwrap(), log.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("{line}");
                log.lock().unwrap().push(line);
            }
        });
        (self.child.take().unwrap(), self.url.clone())
    }

    /// Kills it. Returns whether it came to listen before.
    pub fn kill(mut self) -> bool {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.lines.take().unwrap().map_while(Result::ok).any(|line| line.contains("\"listening\""))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
