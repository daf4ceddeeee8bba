//! What became of a training child, told from its last message, its exit and its last words.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

use crate::protocol::Message;

/// Exit code of a Rust program whose main thread panicked.
const PANIC_EXIT_CODE: i32 = 101;
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model is on disk.
    Completed,
    /// The data or the parameters do not allow the run; the child said why.
    Failed,
    /// It was asked to stop.
    Cancelled,
    /// Its time was up.
    TimedOut,
    /// A bug, caught as a panic.
    Panicked,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It died of a signal or an exit code nobody sent: stack overflow, a fault.
    Crashed,
    /// It was stopped from outside, or its server went away.
    Interrupted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 8] = [
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Panicked,
        Self::OutOfMemory,
        Self::Crashed,
        Self::Interrupted,
    ];

    /// The name used in metric labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::OutOfMemory => "out_of_memory",
            Self::Crashed => "crashed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tells how a child ended.
///
/// `last_message` is the last line it wrote, `stderr_tail` the end of its standard error. `asked_to_stop` and
/// `timed_out` say what the server did to it. A model that is on disk wins over everything: a cancel that came
/// too late cancelled nothing. A panic, or a lack of memory, is reported even of a child that was being stopped.
pub fn classify(
    last_message: Option<&Message>,
    exit: ExitStatus,
    stderr_tail: &str,
    asked_to_stop: bool,
    timed_out: bool,
) -> Outcome {
    if exit.success() && matches!(last_message, Some(Message::Finished(_))) {
        return Outcome::Completed;
    }
    if exit.code() == Some(PANIC_EXIT_CODE) {
        return Outcome::Panicked;
    }
    // A stack overflow aborts as well, so the signal alone does not tell.
    if exit.signal() == Some(SIGABRT) && stderr_tail.contains("memory allocation of") {
        return Outcome::OutOfMemory;
    }
    match last_message {
        Some(Message::Failed { code, .. }) if code == "timed_out" => return Outcome::TimedOut,
        Some(Message::Failed { code, .. }) if code == "cancelled" => {
            return match (timed_out, asked_to_stop) {
                (true, _) => Outcome::TimedOut,
                (false, true) => Outcome::Cancelled,
                (false, false) => Outcome::Interrupted,
            };
        }
        Some(Message::Failed { .. }) if exit.code().is_some() => return Outcome::Failed,
        _ => {}
    }
    match exit.signal() {
        Some(SIGKILL | SIGTERM | SIGINT | SIGHUP) if timed_out => Outcome::TimedOut,
        Some(SIGKILL | SIGTERM | SIGINT | SIGHUP) if asked_to_stop => Outcome::Cancelled,
        // Nobody here sent it: the kernel does, to the largest process of a full machine or container.
        Some(SIGKILL) => Outcome::OutOfMemory,
        Some(SIGTERM | SIGINT | SIGHUP) => Outcome::Interrupted,
        _ => Outcome::Crashed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str) -> Message {
        Message::Failed { code: code.to_owned(), message: String::new() }
    }

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn signalled(signal: i32) -> ExitStatus {
        ExitStatus::from_raw(signal)
    }

    #[test]
    fn a_validation_error_is_failed_even_when_a_stop_was_asked_for() {
        let message = failed("target_missing");
        assert_eq!(classify(Some(&message), exited(1), "", false, false), Outcome::Failed);
        assert_eq!(classify(Some(&message), exited(1), "", true, false), Outcome::Failed);
    }

    #[test]
    fn a_stop_nobody_here_asked_for_is_an_interruption() {
        let message = failed("cancelled");
        assert_eq!(classify(Some(&message), exited(1), "", true, false), Outcome::Cancelled);
        assert_eq!(classify(Some(&message), exited(1), "", true, true), Outcome::TimedOut);
        assert_eq!(classify(Some(&message), exited(1), "", false, false), Outcome::Interrupted);
        assert_eq!(classify(None, signalled(SIGTERM), "", false, false), Outcome::Interrupted);
    }

    #[test]
    fn a_kill_means_what_the_server_meant_by_it() {
        assert_eq!(classify(None, signalled(SIGKILL), "", true, false), Outcome::Cancelled);
        assert_eq!(classify(None, signalled(SIGKILL), "", false, true), Outcome::TimedOut);
        assert_eq!(classify(None, signalled(SIGKILL), "", false, false), Outcome::OutOfMemory);
    }

    #[test]
    fn an_abort_is_told_by_its_last_words() {
        let memory = "memory allocation of 1048576 bytes failed";
        let stack = "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow";
        assert_eq!(classify(None, signalled(SIGABRT), memory, false, false), Outcome::OutOfMemory);
        assert_eq!(classify(None, signalled(SIGABRT), stack, false, false), Outcome::Crashed);
        assert_eq!(classify(None, signalled(11), "", true, false), Outcome::Crashed);
    }

    #[test]
    fn a_panic_is_a_panic_and_a_silent_end_is_a_crash() {
        assert_eq!(classify(None, exited(101), "thread 'main' panicked at", true, false), Outcome::Panicked);
        assert_eq!(classify(None, exited(0), "", false, false), Outcome::Crashed);
    }
}
