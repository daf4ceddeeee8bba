//! The limits on memory and on processes of this process's own cgroup: a container's, a service unit's, or those of any group
//! around it.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/memory.rst and pids.rst for machines that still mount
//! version 1.

use std::path::{Path, PathBuf};

/// The files of one version.
struct Version {
    /// What `/proc/self/cgroup` names the hierarchy by.
    controller: &'static str,
    /// Where it is mounted, below `/sys/fs/cgroup`.
    mount: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`: page cache that the kernel takes back before it lets anything fail.
    reclaimable: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version { controller: "", mount: "", limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file" },
    Version {
        controller: "memory",
        mount: "memory",
        limit: "memory.limit_in_bytes",
        usage: "memory.usage_in_bytes",
        reclaimable: "total_inactive_file",
    },
];

/// The smallest memory limit that holds for this process, and how much of it is in use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// Without what the kernel can take back.
    pub(super) used_bytes: u64,
    pub(super) limit_bytes: u64,
}

/// Reads `membership` (`/proc/self/cgroup`) and the hierarchy below `root` (`/sys/fs/cgroup`). `None` without a limit.
pub(super) fn memory_limit(membership: &Path, root: &Path) -> Option<Limit> {
    let membership = std::fs::read_to_string(membership).ok()?;
    let limits = VERSIONS.iter().filter_map(|version| version.smallest(&membership, root));
    limits.min_by_key(|limit| limit.limit_bytes)
}

/// The smallest limit on processes and threads that holds for this process, as [`memory_limit`] reads that on memory.
pub(super) fn process_limit(membership: &Path, root: &Path) -> Option<u64> {
    let membership = std::fs::read_to_string(membership).ok()?;
    // Version 2 has all controllers in one hierarchy.
    let limits = [("", ""), ("pids", "pids")].into_iter().flat_map(|(controller, mount)| {
        let groups = groups_around(&membership, controller, &root.join(mount), "pids.max");
        groups.into_iter().filter_map(|group| std::fs::read_to_string(group.join("pids.max")).ok()?.trim().parse().ok())
    });
    limits.min()
}

/// The group of this process in one hierarchy, mounted at `root`, and the groups around it; none without that hierarchy.
fn groups_around(membership: &str, controller: &str, root: &Path, limit: &str) -> Vec<PathBuf> {
    // hierarchy:controllers:path
    let path = membership.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|other| other == controller).then_some(path)
    });
    let Some(path) = path else { return Vec::new() };
    let mut folder = root.join(path.trim_start_matches('/'));
    // In a container the path may be one of the host, while the mount begins at the container's own group.
    if path.contains("..") || !folder.join(limit).exists() {
        folder = root.to_owned();
    }
    folder.ancestors().take_while(|group| group.starts_with(root)).map(Path::to_owned).collect()
}

impl Version {
    fn smallest(&self, membership: &str, root: &Path) -> Option<Limit> {
        let groups = groups_around(membership, self.controller, &root.join(self.mount), self.limit);
        groups.iter().filter_map(|group| self.limit_of(group)).min_by_key(|limit| limit.limit_bytes)
    }

    fn limit_of(&self, group: &Path) -> Option<Limit> {
        let read = |name: &str| std::fs::read_to_string(group.join(name)).ok();
        // `max`, which is no number, is no limit; nor has the root of version 2 such a file.
        let limit_bytes = read(self.limit)?.trim().parse().ok()?;
        let usage: u64 = read(self.usage)?.trim().parse().ok()?;
        let stat = read("memory.stat").unwrap_or_default();
        let reclaimable = stat.lines().find_map(|line| line.strip_prefix(self.reclaimable)?.trim().parse::<u64>().ok());
        Some(Limit { used_bytes: usage.saturating_sub(reclaimable.unwrap_or(0)), limit_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A hierarchy of version 2 as the kernel lays it out: group, limit, usage, page cache.
    fn hierarchy(groups: &[(&str, &str, u64, u64)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (group, limit, usage, cache) in groups {
            let group = folder.path().join(group);
            std::fs::create_dir_all(&group).unwrap();
            std::fs::write(group.join("memory.max"), format!("{limit}\n")).unwrap();
            std::fs::write(group.join("memory.current"), format!("{usage}\n")).unwrap();
            let stat = format!("anon 1\nfile {cache}\nactive_file 0\ninactive_file {cache}\n");
            std::fs::write(group.join("memory.stat"), stat).unwrap();
        }
        folder
    }

    fn limit_in(folder: &Path, membership: &str) -> Option<Limit> {
        let file = folder.join("membership");
        std::fs::write(&file, membership).unwrap();
        memory_limit(&file, folder)
    }

    #[test]
    fn the_own_group_counts_and_its_page_cache_does_not() {
        let limit = (256 * MIB).to_string();
        let folder = hierarchy(&[("a.slice/b.service", &limit, 250 * MIB, 200 * MIB), ("other", "1", 1, 0)]);
        std::fs::write(folder.path().join("a.slice/memory.max"), "max\n").unwrap();
        let found = limit_in(folder.path(), "0::/a.slice/b.service\n");
        assert_eq!(found, Some(Limit { used_bytes: 50 * MIB, limit_bytes: 256 * MIB }));
    }

    #[test]
    fn of_nested_limits_the_smallest_counts_with_its_own_usage() {
        let (small, large) = ((128 * MIB).to_string(), (512 * MIB).to_string());
        let folder = hierarchy(&[("a", &small, 100 * MIB, 10 * MIB), ("a/b", &large, 20 * MIB, 0)]);
        let found = limit_in(folder.path(), "0::/a/b\n");
        assert_eq!(found, Some(Limit { used_bytes: 90 * MIB, limit_bytes: 128 * MIB }));
    }

    #[test]
    fn a_container_finds_its_group_at_the_root_of_the_mount() {
        let limit = (64 * MIB).to_string();
        let folder = hierarchy(&[("", &limit, MIB, 0)]);
        let expected = Some(Limit { used_bytes: MIB, limit_bytes: 64 * MIB });
        for membership in ["0::/\n", "0::/docker/0123\n", "0::/../neighbour\n"] {
            assert_eq!(limit_in(folder.path(), membership), expected, "{membership}");
        }
    }

    #[test]
    fn the_smallest_process_limit_counts_in_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let limit_in = |membership: &str| {
            let file = folder.path().join("membership");
            std::fs::write(&file, membership).unwrap();
            process_limit(&file, folder.path())
        };
        assert_eq!(limit_in("0::/a/b\n"), None);
        let set = |group: &str, limit: &str| {
            let group = folder.path().join(group);
            std::fs::create_dir_all(&group).unwrap();
            std::fs::write(group.join("pids.max"), limit).unwrap();
        };
        set("a", "128\n");
        set("a/b", "max\n");
        assert_eq!(limit_in("0::/a/b\n"), Some(128));
        set("pids/c", "64\n");
        assert_eq!(limit_in("8:pids:/c\n0::/a/b\n"), Some(64));
        // A container's own group is the root of what it sees.
        set("pids", "32\n");
        assert_eq!(limit_in("8:pids:/docker/0123\n"), Some(32));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let folder = hierarchy(&[("a", "max", MIB, 0)]);
        assert_eq!(limit_in(folder.path(), "0::/a\n"), None);
        assert_eq!(limit_in(folder.path(), "1:cpu:/a\n"), None);
    }
}
