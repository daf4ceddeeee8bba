//! A private PostgreSQL server that a test may stop, freeze and start again.

use std::path::{Path, PathBuf};
use std::process::Command;

use belfry_test_support::{PATIENCE, eventually_blocking};
use rustix::process::{Pid, Signal, kill_process};

use crate::api::support::runs::{children, process_state};
use crate::api::support::skipping::{on_postgres, skipped};

/// The server; stopped and removed with the value.
pub struct Postgres {
    /// `postgres://...`, of a database of its own.
    pub url: String,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one where the tests run on PostgreSQL; otherwise `None`, said aloud.
    pub fn start() -> Option<Self> {
        if !on_postgres() {
            skipped("BELFRY_TEST_DATABASE_URL is not set, so PostgreSQL is not tested");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = belfry_test_support::ports::free_port();
        if rustix::process::getuid().is_root() {
            assert!(Command::new("chown").arg("postgres:").arg(folder.path()).status().unwrap().success());
        }
        let url = format!("postgres://belfry@127.0.0.1:{port}/postgres");
        let postgres = Self { url, folder, port };
        postgres.run("initdb", &["--username=belfry", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        postgres.up();
        Some(postgres)
    }

    /// Starts the stopped server.
    pub fn up(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c max_connections=50",
            self.port
        );
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["--wait", "--silent", "--log", &log, "--options", &options, "start"]);
    }

    /// Stops the server, which breaks off all connections.
    pub fn down(&self) {
        self.run("pg_ctl", &["--wait", "--silent", "--mode=fast", "stop"]);
    }

    /// Freezes every process of the server: connections stay and nothing is answered.
    pub fn freeze(&self) {
        let main = self.main_process().expect("the server runs");
        signal(main, Signal::STOP);
        // Until it has stopped, it may start a process for a connection, which would answer.
        eventually_blocking("the main process stops", PATIENCE, || match process_state(main) {
            Some('T') => Ok(()),
            other => Err(format!("its state is {other:?}")),
        });
        children(main).into_iter().for_each(|child| signal(child, Signal::STOP));
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        let main = self.main_process().expect("the server runs");
        children(main).into_iter().chain([main]).for_each(|process| signal(process, Signal::CONT));
    }

    fn main_process(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).ok()?;
        file.lines().next()?.parse().ok()
    }

    /// PostgreSQL refuses to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = installed(program);
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // To files, not pipes: the server that stays would hold them open.
        let output = std::fs::File::create(self.folder.path().join("output")).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        command.current_dir("/").arg("--pgdata").arg(self.folder.path().join("data")).args(arguments);
        let ended = command.status().unwrap();
        let said = std::fs::read_to_string(self.folder.path().join("output")).unwrap();
        assert!(ended.success(), "{command:?}: {said}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.main_process().is_some() {
            self.thaw();
            self.down();
        }
    }
}

fn signal(process: u32, signal: Signal) {
    // A connection's process may have ended meanwhile.
    let _ = kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal);
}

/// Debian keeps the server's programs off PATH, in a folder for each version.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).into_iter().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin").join(program)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| program.into())
}
