//! The training child: one run in a process of its own, which may die of it.
//!
//! It reads its [`Spec`] from a file and writes [`Message`] lines to standard output. Whoever started it asks it to
//! stop by closing its standard input or by SIGTERM; it then ends before its next step. A panic, an abort for want
//! of memory and a stack overflow end the process in their own ways, which [`crate::outcome::classify`] tells apart.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::driver::{self, Progress, Stop, Trained};
use crate::error::TrainError;
use crate::limits;
use crate::protocol::{Message, Report, Spec};

/// Enough to wait for the end of standard input.
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
        Err(reason) => return fail("bad_spec", &reason),
    };
    let stop = match prepare(&spec, parent) {
        Ok(stop) => stop,
        Err(error) => return fail("sandbox", &format!("the training process cannot be confined: {error}")),
    };
    say(&Message::Started { run_id: spec.run_id.clone(), algorithm: spec.algorithm });

    let deadline = started + Duration::try_from_secs_f64(spec.deadline_seconds).unwrap_or(Duration::ZERO);
    let should_stop = || match () {
        () if stop.load(Ordering::Relaxed) => Some(Stop::Cancelled),
        () if Instant::now() >= deadline => Some(Stop::TimedOut),
        () => None,
    };
    let mut report = |Progress { iteration, total, train_loss, valid_loss }: Progress| {
        say(&Message::Progress { iteration, total, train_loss, valid_loss });
    };
    let finished = driver::train(&spec, &should_stop, &mut report).and_then(|trained| finish(&spec, trained));
    match finished {
        Ok(report) => {
            say(&Message::Finished(report));
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The cause is for the log of whoever started this, the sentence for the person who asked for the run.
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("caused by: {error}");
                cause = error.source();
            }
            fail(error.code(), &error.to_string())
        }
    }
}

fn read_spec(path: &Path) -> Result<Spec, String> {
    let text = std::fs::read(path).map_err(|error| format!("the run's description cannot be read: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("the run's description is not one: {error}"))
}

/// Confines the process and returns the flag that asks it to stop.
fn prepare(spec: &Spec, parent: Option<rustix::process::Pid>) -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    let at_end_of_input = Arc::clone(&stop);
    std::thread::Builder::new().name("stdin".to_owned()).stack_size(WATCHER_STACK_BYTES).spawn(move || {
        let mut ignored = [0; 64];
        while !matches!(io::stdin().read(&mut ignored), Ok(0) | Err(_)) {}
        at_end_of_input.store(true, Ordering::Relaxed);
    })?;
    limits::confine(spec.memory_limit_bytes)?;
    if !limits::die_with_parent(parent)? {
        stop.store(true, Ordering::Relaxed);
    }
    // Training is single-threaded by design; should a library reach for the pool after all, it finds this thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().map_err(io::Error::other)?;
    Ok(stop)
}

fn finish(spec: &Spec, trained: Trained) -> Result<Report, TrainError> {
    let bytes = trained.model.save().map_err(TrainError::Model)?;
    write_durably(&spec.model_path, &bytes).map_err(TrainError::Write)?;
    let digest = Sha256::digest(&bytes);
    Ok(Report {
        task: trained.task,
        scores: trained.scores,
        summary: trained.summary,
        model_size_bytes: bytes.len() as u64,
        model_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        cpu_seconds: limits::cpu_seconds(),
        peak_resident_bytes: limits::peak_resident_bytes(),
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
    say(&Message::Failed { code: code.to_owned(), message: message.to_owned() });
    ExitCode::FAILURE
}

/// Writes one line at once. A reader that is gone is no reason to fail: the end of its own standard input tells
/// this process to stop.
fn say(message: &Message) {
    let Ok(mut line) = serde_json::to_vec(message) else { return };
    line.push(b'\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}
