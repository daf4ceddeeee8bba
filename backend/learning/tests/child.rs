//! Every way a training child ends, seen from outside: its messages, its exit, its outcome.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{data, spec};
use belfry_learning::algorithm::Algorithm;
use belfry_learning::error::PROCESS_NOT_STARTED;
use belfry_learning::model::Model;
use belfry_learning::outcome::{Outcome, classify};
use belfry_learning::protocol::{ChildSpec, Message, Score};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A child that was started, and its messages so far.
struct Run {
    child: Child,
    lines: BufReader<ChildStdout>,
    messages: Vec<Message>,
}

/// A child that has ended.
struct Ended {
    messages: Vec<Message>,
    exit: ExitStatus,
    stderr: String,
}

/// The example program that does nothing but call the worker; Cargo builds it with the tests.
fn worker_program() -> PathBuf {
    let test_program = std::env::current_exe().unwrap();
    let program = test_program.ancestors().nth(2).unwrap().join("examples/worker");
    assert!(program.exists(), "{} is missing: cargo build --example worker", program.display());
    program
}

impl Run {
    fn start(spec: &ChildSpec, folder: &TempDir) -> Self {
        Self::start_by(&mut Command::new(worker_program()), spec, folder)
    }

    /// By a command that still lacks its last argument, the path of the specification.
    fn start_by(command: &mut Command, spec: &ChildSpec, folder: &TempDir) -> Self {
        let path = folder.path().join("spec.json");
        std::fs::write(&path, serde_json::to_vec(spec).unwrap()).unwrap();
        let mut child =
            command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, messages: Vec::new() }
    }

    fn next(&mut self) -> Option<&Message> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        self.messages.push(serde_json::from_str(&line).unwrap());
        self.messages.last()
    }

    fn wait_for_step(&mut self, step: u64) {
        while !matches!(self.next().expect("the run ended early"), Message::Progress { iteration, .. } if *iteration >= step)
        {
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for the end, with standard input held open as a server would.
    fn end(mut self) -> Ended {
        while self.next().is_some() {}
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        // `wait` closes standard input first, which is of no matter to a child that has closed its output.
        let exit = self.child.wait().unwrap();
        Ended { messages: self.messages, exit, stderr }
    }
}

impl Ended {
    fn outcome(&self) -> Outcome {
        self.outcome_when(false, false)
    }

    fn outcome_when(&self, stop_requested: bool, timed_out: bool) -> Outcome {
        classify(self.messages.last(), self.exit, &self.stderr, stop_requested, timed_out)
    }

    #[track_caller]
    fn assert_failed(&self, expected: &str) {
        match self.messages.last() {
            Some(Message::Failed { code, .. }) => assert_eq!(code, expected),
            other => panic!("the last message is {other:?}, {}", self.stderr),
        }
    }
}

fn fake(behaviour: &str, folder: &TempDir) -> ChildSpec {
    let mut spec = spec(&data("iris.csv"), "species", Algorithm::Fake, folder.path());
    spec.run.params = json!({"behaviour": behaviour, "n_steps": 400});
    spec
}

#[test]
fn a_completed_run_leaves_the_model_it_reports() {
    let folder = TempDir::new().unwrap();
    let spec = spec(&data("penguins.csv"), "species", Algorithm::GradientBoosting, folder.path());
    let ended = Run::start(&spec, &folder).end();
    assert_eq!(ended.outcome(), Outcome::Completed, "{}", ended.stderr);

    let Message::Started { run_id, .. } = &ended.messages[0] else { panic!("{:?}", ended.messages[0]) };
    assert_eq!(run_id, "test-run");
    let steps = ended.messages.iter().filter(|message| matches!(message, Message::Progress { .. })).count();
    let Some(Message::Finished(report)) = ended.messages.last() else { panic!("no report") };
    assert_eq!((steps as u64, report.result.summary.iterations), (100, 100));
    assert_eq!((report.result.summary.rows_train, report.result.summary.rows_test), (258, 86));
    assert!(report.result.scores[&Score::Accuracy] > 0.96);
    assert!(report.resources.cpu_seconds > 0.0 && report.resources.peak_resident_bytes > 1 << 20);

    let bytes = std::fs::read(&spec.model_path).unwrap();
    assert_eq!(report.model_size_bytes, bytes.len() as u64);
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(report.model_sha256, digest);
    assert_eq!(Model::load(&bytes).unwrap().target(), "species");
    assert!(!folder.path().join("model.json.partial").exists());
}

#[test]
fn every_algorithm_fits_the_least_memory_a_server_gives() {
    for algorithm in Algorithm::ALL {
        let folder = TempDir::new().unwrap();
        let (dataset, target) = match algorithm {
            Algorithm::ElasticNet => ("diabetes.csv", "progression"),
            _ => ("digits.csv", "digit"),
        };
        let mut spec = spec(&data(dataset), target, algorithm, folder.path());
        spec.memory_limit_bytes = 64 << 20;
        spec.run.params = if algorithm == Algorithm::RandomForest { json!({"n_trees": 10}) } else { json!({}) };
        let ended = Run::start(&spec, &folder).end();
        assert_eq!(ended.outcome(), Outcome::Completed, "{algorithm}: {}", ended.stderr);
    }
}

#[test]
fn a_fake_run_completes_and_its_model_loads() {
    let folder = TempDir::new().unwrap();
    let spec = fake("ok", &folder);
    assert_eq!(Run::start(&spec, &folder).end().outcome(), Outcome::Completed);
    Model::load(&std::fs::read(&spec.model_path).unwrap()).unwrap();
}

#[test]
fn a_panic_is_told_from_other_ends() {
    let folder = TempDir::new().unwrap();
    let ended = Run::start(&fake("panic", &folder), &folder).end();
    assert_eq!(ended.outcome(), Outcome::Panicked);
    assert!(ended.stderr.contains("asked to panic"), "{}", ended.stderr);
    assert!(!folder.path().join("model.json").exists());
}

#[test]
fn want_of_memory_is_told_from_other_ends() {
    let folder = TempDir::new().unwrap();
    let ended = Run::start(&fake("oom", &folder), &folder).end();
    assert_eq!(ended.outcome(), Outcome::OutOfMemory, "{:?} {}", ended.exit, ended.stderr);
}

#[test]
fn a_stack_overflow_is_a_crash() {
    let folder = TempDir::new().unwrap();
    let ended = Run::start(&fake("stack", &folder), &folder).end();
    assert_eq!(ended.outcome(), Outcome::Crashed, "{:?} {}", ended.exit, ended.stderr);
    assert!(ended.stderr.contains("overflowed its stack"), "{}", ended.stderr);
}

#[test]
fn closing_standard_input_cancels_before_the_next_step() {
    let folder = TempDir::new().unwrap();
    let mut run = Run::start(&fake("slow", &folder), &folder);
    run.wait_for_step(2);
    run.close_input();
    let ended = run.end();
    ended.assert_failed("cancelled");
    assert_eq!(ended.outcome_when(true, false), Outcome::Cancelled);
    assert_eq!(ended.outcome_when(true, true), Outcome::TimedOut);
    assert!(ended.messages.len() < 50, "{} messages", ended.messages.len());
    assert!(!folder.path().join("model.json").exists());
}

#[test]
fn a_terminate_signal_cancels_or_interrupts() {
    let folder = TempDir::new().unwrap();
    let mut run = Run::start(&fake("slow", &folder), &folder);
    run.wait_for_step(2);
    run.signal(Signal::TERM);
    let ended = run.end();
    ended.assert_failed("cancelled");
    assert_eq!(ended.outcome_when(true, false), Outcome::Cancelled);
    assert_eq!(ended.outcome(), Outcome::Interrupted);
}

#[test]
fn a_run_ends_itself_at_its_deadline() {
    let folder = TempDir::new().unwrap();
    let spec = ChildSpec { deadline_seconds: 0.4, ..fake("slow", &folder) };
    let started = Instant::now();
    let ended = Run::start(&spec, &folder).end();
    ended.assert_failed("timed_out");
    assert_eq!(ended.outcome(), Outcome::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_run_that_hangs_hears_nothing_and_has_to_be_killed() {
    let folder = TempDir::new().unwrap();
    let mut run = Run::start(&fake("hang", &folder), &folder);
    let mut stderr = BufReader::new(run.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "the fake algorithm hangs\n");
    run.close_input();
    run.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    assert!(run.child.try_wait().unwrap().is_none(), "it was to hang");
    run.signal(Signal::KILL);
    let ended = run.end();
    assert_eq!(ended.outcome_when(false, true), Outcome::TimedOut);
    assert_eq!(ended.outcome_when(true, false), Outcome::Cancelled);
    assert_eq!(ended.outcome(), Outcome::OutOfMemory);
}

#[test]
fn bad_data_is_a_failure_with_a_code_and_a_sentence() {
    let folder = TempDir::new().unwrap();
    let spec = spec(&data("iris.csv"), "colour", Algorithm::RandomForest, folder.path());
    let ended = Run::start(&spec, &folder).end();
    assert_eq!(ended.outcome(), Outcome::Failed);
    let Some(Message::Failed { code, message }) = ended.messages.last() else { panic!("no reason") };
    assert_eq!(code, "target_missing");
    assert!(message.starts_with("the dataset has no column `colour`, expected one of `sepal_length_cm`"), "{message}");
}

#[test]
fn a_model_that_cannot_be_written_is_a_failure() {
    let folder = TempDir::new().unwrap();
    let spec = ChildSpec { model_path: folder.path().join("no/such/folder/model.json"), ..fake("ok", &folder) };
    let ended = Run::start(&spec, &folder).end();
    ended.assert_failed("model_unwritable");
    assert!(ended.stderr.contains("caused by: No such file"), "{}", ended.stderr);
}

#[test]
fn a_description_that_is_none_is_a_failure() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spec.json");
    std::fs::write(&path, "{}").unwrap();
    let output = Command::new(worker_program()).arg(path).output().unwrap();
    let message: Message = serde_json::from_slice(&output.stdout).unwrap();
    assert!(matches!(message, Message::Failed { code, .. } if code == "bad_spec"));
}

#[test]
fn a_child_is_killed_with_its_parent() {
    let folder = TempDir::new().unwrap();
    let spec_path = folder.path().join("spec.json");
    std::fs::write(&spec_path, serde_json::to_vec(&fake("hang", &folder)).unwrap()).unwrap();
    // A shell as the parent; this test holds the child's standard input open beyond the shell's death.
    let script = "exec 3<&0; \"$0\" \"$1\" <&3 & echo $!; wait";
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .args([worker_program(), spec_path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The child may be quicker to write than the shell is to tell its id.
    let (mut pid, mut is_under_way) = (None, false);
    for line in BufReader::new(shell.stdout.take().unwrap()).lines().map(Result::unwrap) {
        pid = pid.or_else(|| line.parse().ok());
        is_under_way |= line.contains("\"iteration\":2");
        if pid.is_some() && is_under_way {
            break;
        }
    }
    let pid: i32 = pid.unwrap();
    let child = Pid::from_raw(pid).unwrap();
    assert!(is_running(child));
    let input = shell.stdin.take();
    shell.kill().unwrap();
    shell.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_running(child) {
        if Instant::now() > deadline {
            kill_process(child, Signal::KILL).unwrap();
            panic!("the child outlived its parent");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(input);
}

/// A process that is dead and not yet collected does not run any more.
fn is_running(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// A control group in which there is one process and no more, removed with the value.
struct OneProcess(PathBuf);

impl OneProcess {
    /// `None`, said aloud, where this process may not make one.
    fn new() -> Option<Self> {
        let version_1 = PathBuf::from("/sys/fs/cgroup/pids");
        let root = if version_1.exists() { version_1 } else { PathBuf::from("/sys/fs/cgroup") };
        let group = root.join(format!("belfry-test-child-{}", std::process::id()));
        let made = std::fs::create_dir(&group).and_then(|()| std::fs::write(group.join("pids.max"), "1"));
        if let Err(error) = made {
            // Past the test harness, which shows nothing of a test that passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED: cannot limit processes here: {error}");
            return None;
        }
        Some(Self(group))
    }
}

impl Drop for OneProcess {
    fn drop(&mut self) {
        // The kernel lets go of a group a moment after its last process.
        for _ in 0..100 {
            match std::fs::remove_dir(&self.0) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                _ => break,
            }
        }
    }
}

#[test]
fn a_child_without_a_thread_left_has_not_started() {
    let Some(group) = OneProcess::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"echo $$ > "$0" && exec "$1" "$2""#]).arg(group.0.join("cgroup.procs")).arg(worker_program());
    let ended = Run::start_by(&mut command, &fake("ok", &folder), &folder).end();
    ended.assert_failed(PROCESS_NOT_STARTED);
    assert_eq!(ended.messages.len(), 1, "{:?}", ended.messages);
}
