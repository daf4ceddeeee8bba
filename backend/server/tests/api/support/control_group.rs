//! A control group with limits on memory and on processes, in which a server is started: what a container's limits are.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::api::support::skipping::skipped;

/// Where the kernel shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Groups of one process, one for each hierarchy that has a limit; removed with the value.
pub struct ControlGroup {
    folders: Vec<PathBuf>,
}

/// A file of a group, what to write to it, and whether a kernel may be without it.
type Setting = (&'static str, String, bool);

impl ControlGroup {
    /// A group with these limits and without swap. `None`, said aloud, where no group can be made.
    pub fn with_limits(memory_bytes: u64, processes: u64) -> Option<Self> {
        let (memory, processes) = (memory_bytes.to_string(), processes.to_string());
        // Version 1 has a hierarchy for each controller, version 2 one for all.
        let hierarchies: Vec<(&str, Vec<Setting>)> = if Path::new(ROOT).join("pids").exists() {
            let memory =
                vec![("memory.limit_in_bytes", memory.clone(), false), ("memory.memsw.limit_in_bytes", memory, true)];
            vec![("memory", memory), ("pids", vec![("pids.max", processes, false)])]
        } else {
            let no_swap = ("memory.swap.max", "0".to_owned(), true);
            vec![("", vec![("memory.max", memory, false), no_swap, ("pids.max", processes, false)])]
        };
        let mut group = Self { folders: Vec::new() };
        for (controller, settings) in &hierarchies {
            match make_group(controller, settings) {
                Ok(folder) => group.folders.push(folder),
                Err(error) => {
                    skipped(&format!("the limits of memory and processes, which cannot be set here: {error}"));
                    return None;
                }
            }
        }
        Some(group)
    }

    /// A command that runs `program` with its first arguments in the group, from its first instruction on.
    pub fn command(&self, program: &str) -> Command {
        let enter = r#"files=$1; shift; for file in $files; do echo $$ > "$file" || exit 1; done; exec "$@""#;
        let files: Vec<String> =
            self.folders.iter().map(|folder| folder.join("cgroup.procs").display().to_string()).collect();
        let mut command = Command::new("sh");
        command.args(["-c", enter, "sh", &files.join(" "), program]);
        command
    }
}

/// Below the group of this process, whose own limits go on to hold; where that has no such controller, below the root.
fn make_group(controller: &str, settings: &[Setting]) -> io::Result<PathBuf> {
    let mount = Path::new(ROOT).join(controller);
    let membership = std::fs::read_to_string("/proc/self/cgroup")?;
    // hierarchy:controllers:path
    let own = membership.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|other| other == controller).then(|| path.trim_start_matches('/').to_owned())
    });
    remove_left_over(&mount.join(own.as_deref().unwrap_or_default()));
    remove_left_over(&mount);
    let name = format!("belfry-test-{}", uuid::Uuid::now_v7().simple());
    let made = make_group_at(&mount.join(own.unwrap_or_default()).join(&name), settings);
    made.or_else(|_| make_group_at(&mount.join(&name), settings))
}

/// Removes the groups of tests that were killed. The kernel refuses for those in which something lives.
fn remove_left_over(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with("belfry-test-"));
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        // A new one may be about to be lived in.
        if is_ours && made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > Duration::from_secs(3600))) {
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

fn make_group_at(folder: &Path, settings: &[Setting]) -> io::Result<PathBuf> {
    std::fs::create_dir(folder)?;
    for (file, value, may_be_missing) in settings {
        if let Err(error) = std::fs::write(folder.join(file), value)
            && !may_be_missing
        {
            remove_group(folder);
            return Err(io::Error::other(format!("{}: {error}", folder.join(file).display())));
        }
    }
    Ok(folder.to_owned())
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        self.folders.iter().for_each(|folder| remove_group(folder));
    }
}

/// Removes a group; what still lives in it goes to the group around it.
pub fn remove_group(folder: &Path) {
    // The kernel lets go of a group a moment after its last process, and of one that lives it has to be relieved.
    for pid in std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default().lines() {
        let _ = std::fs::write(folder.with_file_name("cgroup.procs"), pid);
    }
    for _ in 0..100 {
        match std::fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(Duration::from_millis(20)),
            _ => break,
        }
    }
}
