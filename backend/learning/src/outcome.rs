//! How a training child ended, derived from its last message, its exit status and the end of its standard error.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantNames};

use crate::protocol::Message;

/// Exit code of a Rust program whose main thread panicked.
const PANIC_EXIT_CODE: i32 = 101;
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How a run ended, with the names that the API, the database and the metric labels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The model is on disk.
    Completed,
    /// The data or the parameters do not allow the run; the child's last message says why.
    Failed,
    /// A stop was requested.
    Cancelled,
    /// It ran past its time limit.
    TimedOut,
    /// A bug, caught as a panic.
    Panicked,
    /// It needed more memory than its limit allows.
    OutOfMemory,
    /// It died of a fault of its own, such as a stack overflow, or with an unexpected exit code.
    Crashed,
    /// It was stopped from outside, or its server died.
    Interrupted,
}

impl Outcome {
    /// The name in the API, the database and metric labels.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Determines how a child ended.
///
/// `last_message` is the last line it wrote, `stderr_tail` the end of its standard error. `stop_requested` and
/// `timed_out` say whether the server stopped it, and why. A model that is on disk counts as completed whatever else
/// happened: the cancel came too late. A panic or a lack of memory is reported even when the child was being stopped.
pub fn classify(
    last_message: Option<&Message>,
    exit: ExitStatus,
    stderr_tail: &str,
    stop_requested: bool,
    timed_out: bool,
) -> Outcome {
    if exit.success() && matches!(last_message, Some(Message::Finished(_))) {
        return Outcome::Completed;
    }
    if exit.code() == Some(PANIC_EXIT_CODE) {
        return Outcome::Panicked;
    }
    // A stack overflow aborts as well, so the signal alone is not enough.
    if exit.signal() == Some(SIGABRT) && stderr_tail.contains("memory allocation of") {
        return Outcome::OutOfMemory;
    }
    match last_message {
        Some(Message::Failed { code, .. }) if code == "timed_out" => return Outcome::TimedOut,
        Some(Message::Failed { code, .. }) if code == "cancelled" => {
            return match (timed_out, stop_requested) {
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
        Some(SIGKILL | SIGTERM | SIGINT | SIGHUP) if stop_requested => Outcome::Cancelled,
        // The server did not send it. The kernel does, to the largest process of a machine or container out of memory.
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
    fn a_validation_error_is_failed_even_during_a_stop() {
        let message = failed("target_missing");
        assert_eq!(classify(Some(&message), exited(1), "", false, false), Outcome::Failed);
        assert_eq!(classify(Some(&message), exited(1), "", true, false), Outcome::Failed);
    }

    #[test]
    fn a_stop_the_server_did_not_request_is_an_interruption() {
        let message = failed("cancelled");
        assert_eq!(classify(Some(&message), exited(1), "", true, false), Outcome::Cancelled);
        assert_eq!(classify(Some(&message), exited(1), "", true, true), Outcome::TimedOut);
        assert_eq!(classify(Some(&message), exited(1), "", false, false), Outcome::Interrupted);
        assert_eq!(classify(None, signalled(SIGTERM), "", false, false), Outcome::Interrupted);
    }

    #[test]
    fn a_kill_is_classified_by_what_the_server_requested() {
        assert_eq!(classify(None, signalled(SIGKILL), "", true, false), Outcome::Cancelled);
        assert_eq!(classify(None, signalled(SIGKILL), "", false, true), Outcome::TimedOut);
        assert_eq!(classify(None, signalled(SIGKILL), "", false, false), Outcome::OutOfMemory);
    }

    #[test]
    fn an_abort_is_classified_by_its_standard_error() {
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
