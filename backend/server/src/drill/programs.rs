//! The programs that a drill runs: found on PATH, started in a folder of their own, ended with the drill.

use std::convert::Infallible;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

/// A program, under the names that it has upstream and in Debian, and Debian's package of it.
pub struct Program {
    names: &'static [&'static str],
    package: &'static str,
}

/// How long the system may take to end a program.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// Prometheus.
pub const PROMETHEUS: Program = Program { names: &["prometheus"], package: "prometheus" };
/// Alertmanager.
pub const ALERTMANAGER: Program =
    Program { names: &["alertmanager", "prometheus-alertmanager"], package: "prometheus-alertmanager" };
/// The blackbox exporter.
pub const BLACKBOX_EXPORTER: Program =
    Program { names: &["blackbox_exporter", "prometheus-blackbox-exporter"], package: "prometheus-blackbox-exporter" };

/// A program to become, which ends with the process that started it.
#[derive(Args)]
pub struct RunWithParent {
    /// The process that started this one.
    parent: i32,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// A program that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    /// Ends it, so that nothing is written into the folder that is removed next.
    fn drop(&mut self) {
        let killed = Instant::now();
        while self.child.start_kill().is_ok()
            && matches!(self.child.try_wait(), Ok(None))
            && killed.elapsed() < KILL_LIMIT
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Program {
    /// Where it is on PATH.
    pub fn find(&self) -> anyhow::Result<PathBuf> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders)
            .flat_map(|folder| self.names.iter().map(move |name| folder.join(name)))
            .find(|path| path.is_file());
        found.with_context(|| {
            let names = self.names.join(" or ");
            format!("found no program {names} on PATH, which a drill runs: on Debian, apt install {}", self.package)
        })
    }
}

/// Becomes the program; returns only when that fails. The kernel kills it when the drill ends, however that ends.
pub fn run_with_parent(wanted: &RunWithParent) -> anyhow::Result<Infallible> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that has ended before sends no signal any more.
    if getppid() != Pid::from_raw(wanted.parent) {
        bail!("the drill that started this process has ended");
    }
    let error = std::process::Command::new(&wanted.program).args(&wanted.arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", wanted.program.display()))
}

impl Running {
    /// Starts a program in `folder`, where what it says is kept in `NAME.log`.
    pub fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        settings: &[(String, String)],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        // Started from a thread of the runtime, which ends with the drill: the kernel watches the thread.
        let mut command = std::process::Command::new("/proc/self/exe");
        command.arg0("belfry").arg("run-with-parent").arg(std::process::id().to_string()).arg(program).args(arguments);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(folder);
        command.envs(settings.iter().map(|(variable, value)| (variable, value)));
        // A Ctrl-C is for the drill alone, which then ends what it has started.
        command.process_group(0).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name, child, log })
    }

    /// An error if it has ended, with the end of what it said.
    pub fn require_alive(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = said.lines().rev().take(5).collect();
        bail!("{} has ended, {status}: {}", self.name, tail.into_iter().rev().collect::<Vec<_>>().join(" / "))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        Ok(kill_process(pid.with_context(|| format!("{} has ended", self.name))?, signal)?)
    }

    /// Kills it and waits for its end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("cannot end {}", self.name))
    }
}

/// A port that nobody listens on, and that no other stack of this drill is given. It lies below the range from which the kernel
/// takes ports for connections, so that none is taken between now and its use.
pub fn free_port() -> anyhow::Result<u16> {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    // Drills that run at one time begin at different places.
    let begin = u16::try_from(std::process::id() % 1_000).unwrap_or_default() * 20;
    for _ in 0..COUNT {
        let port = FIRST + begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port from {FIRST} to {}", FIRST + COUNT - 1)
}
