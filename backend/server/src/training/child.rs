//! The process in which one run is trained: started, read from, stopped on request, killed if it does not stop.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use belfry_learning::protocol::Message;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::sync::{mpsc, watch};

use super::stop_request::{StopRequest, wait_for_stop_request};

/// How long a process may go on after a stop request, and how long it may take to exit after its last output.
const GRACE: Duration = Duration::from_secs(2);

/// How much of the end of its standard error is tail.
const STDERR_TAIL_BYTES: usize = 8 << 10;

/// A process that has ended.
pub struct ChildEnd {
    /// Its last message.
    pub last_message: Option<Message>,
    /// Its exit status.
    pub exit: ExitStatus,
    /// The end of its standard error.
    pub stderr_tail: String,
    /// The request that stopped it.
    pub stop_request: Option<StopRequest>,
    /// Whether it was stopped because its time limit had passed.
    pub timed_out: bool,
}

/// Why there is no end of a process.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The machine did not start it.
    #[error("the training process could not be started")]
    NotStarted(#[source] io::Error),
    /// It was started, and could not be stopped or waited for.
    #[error("the training process could not be waited for")]
    Lost(#[source] io::Error),
}

/// Trains the run described by the file `spec` in a child process until that ends. Dropping the future kills the process.
///
/// Each step is sent to `steps`; the process waits while that is full.
///
/// # Errors
/// [`ChildError`].
pub async fn run_child(
    spec: &Path,
    timeout: Duration,
    mut stop: watch::Receiver<Option<StopRequest>>,
    steps: mpsc::Sender<Message>,
) -> Result<ChildEnd, ChildError> {
    // Must be called on one of the runtime's own threads: the kernel kills the process when the *thread* that started
    // it ends, and those live as long as the server.
    let mut child = command(spec.as_os_str()).spawn().map_err(ChildError::NotStarted)?;
    let mut stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = async { tokio::join!(read_messages(stdout, steps), read_tail(stderr)) };
    tokio::pin!(output);

    let (mut stop_request, mut timed_out) = (None, false);
    let complete_output = tokio::select! {
        read = &mut output => Some(read),
        request = wait_for_stop_request(&mut stop) => {
            stop_request = Some(request);
            None
        }
        () = tokio::time::sleep(timeout) => {
            timed_out = true;
            None
        }
    };
    let (last_message, stderr_tail) = match complete_output {
        Some(read) => read,
        None => {
            // The child stops when its standard input ends.
            stdin = None;
            let grace = match stop_request {
                Some(StopRequest::Shutdown(grace)) => grace.min(GRACE),
                _ => GRACE,
            };
            match tokio::time::timeout(grace, &mut output).await {
                Ok(read) => read,
                Err(_) => {
                    child.start_kill().map_err(ChildError::Lost)?;
                    output.await
                }
            }
        }
    };
    drop(stdin);
    let exit = match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(exit) => exit.map_err(ChildError::Lost)?,
        // It has closed its output and does not exit.
        Err(_) => {
            child.kill().await.map_err(ChildError::Lost)?;
            child.wait().await.map_err(ChildError::Lost)?
        }
    };
    Ok(ChildEnd { last_message, exit, stderr_tail, stop_request, timed_out })
}

/// This program as a training process.
fn command(spec: &OsStr) -> Command {
    // The program that is running, even if its file was replaced by a newer one.
    let mut command = std::process::Command::new("/proc/self/exe");
    command
        .arg0("belfry")
        .arg("worker")
        .arg(spec)
        // Settings hold secrets, of which training needs none.
        .env_clear()
        // A Ctrl-C is for the server alone, which then stops its children itself.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}

/// Sends each step on and returns the last message.
async fn read_messages(stdout: Option<ChildStdout>, steps: mpsc::Sender<Message>) -> Option<Message> {
    let mut lines = BufReader::new(stdout?).lines();
    let mut last_message = None;
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str::<Message>(&line) {
            Ok(message) => {
                if matches!(message, Message::Progress { .. }) {
                    // Without a receiver the claim is lost; how the child ends is still needed.
                    let _ = steps.send(message.clone()).await;
                }
                last_message = Some(message);
            }
            Err(error) => tracing::warn!(cause = %error, "unreadable line from a training process"),
        }
    }
    last_message
}

/// Reads to the end and returns the last part.
async fn read_tail(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut tail = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        tail.extend_from_slice(&piece[..read]);
        if tail.len() > 2 * STDERR_TAIL_BYTES {
            tail.drain(..tail.len() - STDERR_TAIL_BYTES);
        }
    }
    tail.drain(..tail.len().saturating_sub(STDERR_TAIL_BYTES));
    String::from_utf8_lossy(&tail).into_owned()
}
