//! The training child: one run in a process of its own, so that a crash takes nothing else down.
//!
//! It reads its [`ChildSpec`] from a file and writes [`Message`] lines to standard output. Its parent requests a stop by
//! closing its standard input or by SIGTERM; it then ends before its next step. A panic, an abort for lack of memory and a
//! stack overflow end the process each in its own way; [`crate::outcome::classify`] tells them apart.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::driver::{self, Progress, StopReason, Trained};
use crate::error::{self, TrainError};
use crate::limits;
use crate::protocol::{ChildReport, ChildSpec, Message, ResourceUse};

/// Enough for the thread that waits for the end of standard input.
const WATCHER_STACK_BYTES: usize = 64 << 10;

/// Runs the training described by the file at `spec_path`.
///
/// Exits with 0 after [`Message::Finished`] and with 1 after [`Message::Failed`]. Call it from the main thread of a
/// process that does nothing else: it bounds the process's memory, lowers its priority and ties it to its parent.
pub fn main(spec_path: &Path) -> ExitCode {
    let started = Instant::now();
    let parent = rustix::process::getppid();
    let spec = match read_spec(spec_path) {
        Ok(spec) => spec,
        Err(reason) => return fail(error::BAD_SPEC, &reason),
    };
    let stop = match watch_for_stop() {
        Ok(stop) => stop,
        Err(error) => return fail(error::PROCESS_NOT_STARTED, &format!("no thread could be started: {error}")),
    };
    match confine(&spec, parent, &stop) {
        Ok(()) => {}
        Err(error) => return fail(error::SANDBOX, &format!("the training process cannot be confined: {error}")),
    }
    send(&Message::Started { run_id: spec.run_id.clone(), algorithm: spec.run.algorithm });

    let deadline = started + Duration::try_from_secs_f64(spec.deadline_seconds).unwrap_or(Duration::ZERO);
    let should_stop = || match () {
        () if stop.load(Ordering::Relaxed) => Some(StopReason::Cancelled),
        () if Instant::now() >= deadline => Some(StopReason::TimedOut),
        () => None,
    };
    let mut report = |Progress { iteration, total, train_loss, valid_loss }: Progress| {
        send(&Message::Progress { iteration, total, train_loss, valid_loss });
    };
    let finished = driver::train(&spec, &should_stop, &mut report).and_then(|trained| finish(&spec, trained));
    match finished {
        Ok(report) => {
            send(&Message::Finished(report));
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The causes go to the parent's log, the sentence to the person who submitted the run.
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("caused by: {error}");
                cause = error.source();
            }
            fail(error.code(), &error.to_string())
        }
    }
}

fn read_spec(path: &Path) -> Result<ChildSpec, String> {
    let text = std::fs::read(path).map_err(|error| format!("the run spec cannot be read: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("the run spec is not valid: {error}"))
}

/// Returns the flag that is set when a stop is requested.
fn watch_for_stop() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    let at_end_of_input = Arc::clone(&stop);
    std::thread::Builder::new().name("stdin".to_owned()).stack_size(WATCHER_STACK_BYTES).spawn(move || {
        let mut ignored = [0; 64];
        while !matches!(io::stdin().read(&mut ignored), Ok(0) | Err(_)) {}
        at_end_of_input.store(true, Ordering::Relaxed);
    })?;
    Ok(stop)
}

/// Bounds the memory of the process, lowers its priority and ties it to its parent.
fn confine(spec: &ChildSpec, parent: Option<rustix::process::Pid>, stop: &AtomicBool) -> io::Result<()> {
    limits::confine(spec.memory_limit_bytes)?;
    if !limits::die_with_parent(parent)? {
        stop.store(true, Ordering::Relaxed);
    }
    // Training is single-threaded by design; a library that uses the pool all the same gets this thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().map_err(io::Error::other)
}

fn finish(spec: &ChildSpec, trained: Trained) -> Result<ChildReport, TrainError> {
    let bytes = trained.model.save().map_err(TrainError::Model)?;
    write_durably(&spec.model_path, &bytes).map_err(TrainError::Write)?;
    let digest = Sha256::digest(&bytes);
    Ok(ChildReport {
        result: trained.result,
        model_size_bytes: bytes.len() as u64,
        model_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        resources: ResourceUse {
            cpu_seconds: limits::cpu_seconds(),
            peak_resident_bytes: limits::peak_resident_bytes(),
        },
    })
}

/// Puts a file in place whole or not at all, and such that a power cut does not undo it.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    File::open(folder)?.sync_all()
}

fn fail(code: &str, message: &str) -> ExitCode {
    send(&Message::Failed { code: code.to_owned(), message: message.to_owned() });
    ExitCode::FAILURE
}

/// Writes one line and flushes it. A reader that is gone is no reason to fail: this process stops when its own standard
/// input ends.
fn send(message: &Message) {
    let Ok(mut line) = serde_json::to_vec(message) else { return };
    line.push(b'\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}
