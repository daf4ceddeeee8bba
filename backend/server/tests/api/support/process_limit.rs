//! A limit on the processes and threads of a server that runs, set by the real kernel.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Resource, Rlimit, getuid, prlimit};

use crate::api::support::control_group::remove_group;
use crate::api::support::server::Server;
use crate::api::support::skipping::skipped;

/// Keeps a server from starting any further process or thread, until it is lifted.
pub enum ProcessLimit {
    /// A control group, removed with the value: works for root, whom the limit of a user does not bind.
    Group(PathBuf),
    /// The limit of a user, on this process.
    User(Pid),
}

impl ProcessLimit {
    /// Nothing more can be started by `server` from now on. `None`, said aloud, where neither kind of limit can be set.
    pub fn impose(server: &Server) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
        if !getuid().is_root() {
            prlimit(Some(pid), Resource::Nproc, Rlimit { current: Some(0), maximum: None }).unwrap();
            return Some(Self::User(pid));
        }
        let version_1 = Path::new("/sys/fs/cgroup/pids");
        let root = if version_1.exists() { version_1 } else { Path::new("/sys/fs/cgroup") };
        let group = root.join(format!("belfry-test-pids-{}", server.pid()));
        let made = std::fs::create_dir(&group).and_then(|()| {
            std::fs::write(group.join("cgroup.procs"), server.pid().to_string())?;
            // The server has more already, which stay.
            std::fs::write(group.join("pids.max"), "1")
        });
        match made {
            Ok(()) => Some(Self::Group(group)),
            Err(error) => {
                remove_group(&group);
                skipped(&format!("cannot limit the processes of a server here: {error}"));
                None
            }
        }
    }

    /// Lifts the limit.
    pub fn lift(&self) {
        match self {
            Self::Group(group) => std::fs::write(group.join("pids.max"), "max").unwrap(),
            Self::User(pid) => {
                prlimit(Some(*pid), Resource::Nproc, Rlimit { current: None, maximum: None }).unwrap();
            }
        }
    }
}

impl Drop for ProcessLimit {
    fn drop(&mut self) {
        let Self::Group(group) = self else { return };
        remove_group(group);
    }
}
