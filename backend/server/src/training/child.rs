//! The process in which one run is trained: started, listened to, asked to stop, killed if it does not.

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

/// For how long a process may go on after it was asked to stop, and how long it may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// How much of its last words is kept.
const TAIL_BYTES: usize = 8 << 10;

/// Why a run should end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// That was asked for.
    Cancel,
    /// The server stops, and has this long for the run's process to end.
    Stop(Duration),
}

/// A process that has ended.
pub struct Ended {
    /// The last thing it said.
    pub last: Option<Message>,
    /// How it ended.
    pub exit: ExitStatus,
    /// The end of what it wrote for people.
    pub stderr_tail: String,
    /// Whether it was asked to stop.
    pub asked: Option<Ask>,
    /// Whether it was asked to because its time was up.
    pub timed_out: bool,
}

/// Trains the run described by the file `spec` to its end. Dropped, it kills the process.
///
/// Each step goes to `steps`, which makes the process wait when it is full.
///
/// # Errors
/// A process that cannot be started or waited for.
pub async fn run(
    spec: &Path,
    timeout: Duration,
    mut ask: watch::Receiver<Option<Ask>>,
    steps: mpsc::Sender<Message>,
) -> io::Result<Ended> {
    // Must be called on one of the runtime's own threads: the kernel kills the process when the *thread* that started
    // it ends, and those live as long as the server.
    let mut child = command(spec.as_os_str()).spawn()?;
    let mut stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let conversation = async { tokio::join!(listen(stdout, steps), tail(stderr)) };
    tokio::pin!(conversation);

    let (mut asked, mut timed_out) = (None, false);
    let said = tokio::select! {
        said = &mut conversation => Some(said),
        reason = asked_for(&mut ask) => {
            asked = Some(reason);
            None
        }
        () = tokio::time::sleep(timeout) => {
            timed_out = true;
            None
        }
    };
    let (last, stderr_tail) = match said {
        Some(said) => said,
        None => {
            // The end of its input asks it to stop.
            stdin = None;
            let grace = match asked {
                Some(Ask::Stop(grace)) => grace.min(GRACE),
                _ => GRACE,
            };
            match tokio::time::timeout(grace, &mut conversation).await {
                Ok(said) => said,
                Err(_) => {
                    child.start_kill()?;
                    conversation.await
                }
            }
        }
    };
    drop(stdin);
    let exit = match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(exit) => exit?,
        // It has said everything and stays.
        Err(_) => {
            child.kill().await?;
            child.wait().await?
        }
    };
    Ok(Ended { last, exit, stderr_tail, asked, timed_out })
}

/// Waits until the run should end.
pub async fn asked_for(ask: &mut watch::Receiver<Option<Ask>>) -> Ask {
    let reason = ask.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
    match reason {
        Some(reason) => reason,
        // Nobody is left to ask.
        None => std::future::pending().await,
    }
}

/// This program as a training process.
fn command(spec: &OsStr) -> Command {
    // Stays the program that runs even when its file was replaced by a newer one.
    let mut command = std::process::Command::new("/proc/self/exe");
    command
        .arg0("belfry")
        .arg("worker")
        .arg(spec)
        // Settings hold secrets, of which training needs none.
        .env_clear()
        // A Ctrl-C is for the server, which then asks its children in its own way.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}

/// Passes on each step and returns the last message.
async fn listen(stdout: Option<ChildStdout>, steps: mpsc::Sender<Message>) -> Option<Message> {
    let mut lines = BufReader::new(stdout?).lines();
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str::<Message>(&line) {
            Ok(message) => {
                if matches!(message, Message::Progress { .. }) {
                    // A recorder that is gone has lost the run; its end is still of interest.
                    let _ = steps.send(message.clone()).await;
                }
                last = Some(message);
            }
            Err(error) => tracing::warn!(cause = %error, "a training process wrote a line that is no message"),
        }
    }
    last
}

/// Reads to the end and keeps the last part.
async fn tail(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        if kept.len() > 2 * TAIL_BYTES {
            kept.drain(..kept.len() - TAIL_BYTES);
        }
    }
    kept.drain(..kept.len().saturating_sub(TAIL_BYTES));
    String::from_utf8_lossy(&kept).into_owned()
}
