//! The memory limit of the server's own control group, set by the real kernel.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belfry_test_support::eventually;
use serde_json::Value;

use crate::api::support::server::Server;
use crate::api::support::skipping::skipped;

const MIB: u64 = 1 << 20;

/// Two nested groups with limits of their own; removed with the value, once their process is gone.
struct Groups {
    outer: PathBuf,
    inner: PathBuf,
}

impl Groups {
    /// Makes them, by whichever version of control groups has the memory controller here. `None`, said aloud, otherwise.
    fn new(outer_bytes: u64, inner_bytes: u64) -> Option<Self> {
        let version_1 = Path::new("/sys/fs/cgroup/memory");
        let (root, limit) = if version_1.join("memory.limit_in_bytes").exists() {
            (version_1, "memory.limit_in_bytes")
        } else {
            (Path::new("/sys/fs/cgroup"), "memory.max")
        };
        let outer = root.join(format!("belfry-test-{}", std::process::id()));
        let groups = Self { inner: outer.join("inner"), outer };
        let made = || {
            std::fs::create_dir(&groups.outer)?;
            if limit == "memory.max" {
                std::fs::write(groups.outer.join("cgroup.subtree_control"), "+memory")?;
            }
            std::fs::create_dir(&groups.inner)?;
            std::fs::write(groups.outer.join(limit), outer_bytes.to_string())?;
            std::fs::write(groups.inner.join(limit), inner_bytes.to_string())
        };
        match made() {
            Ok(()) => Some(groups),
            Err(error) => {
                // Not root, a read-only mount as in containers, or a kernel or a group without the controller.
                let refusals = [
                    ErrorKind::PermissionDenied,
                    ErrorKind::ReadOnlyFilesystem,
                    ErrorKind::NotFound,
                    ErrorKind::ResourceBusy,
                ];
                assert!(refusals.contains(&error.kind()), "cannot make control groups: {error}");
                skipped(&format!("cannot make control groups here: {error}"));
                None
            }
        }
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in [&self.inner, &self.outer] {
            // The kernel lets go of a group a moment after its last process.
            for _ in 0..100 {
                match std::fs::remove_dir(group) {
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    _ => break,
                }
            }
        }
    }
}

#[tokio::test]
async fn health_counts_by_the_smallest_of_nested_memory_limits() {
    // Neither is anywhere near what this test needs.
    let Some(groups) = Groups::new(700 * MIB, 900 * MIB) else { return };
    let server = Server::start().await;
    let before: Value = server.get("/healthz").await.json().await.unwrap();
    assert_ne!(before["checks"]["memory"]["total_bytes"], 700 * MIB, "{before}");
    std::fs::write(groups.inner.join("cgroup.procs"), server.pid().to_string()).unwrap();
    // A reading is given again for a second.
    let health = eventually("the smallest limit is the total", Duration::from_secs(3), async || {
        let health: Value = server.get("/healthz").await.json().await.unwrap();
        if health["checks"]["memory"]["total_bytes"] == 700 * MIB { Ok(health) } else { Err(health.to_string()) }
    })
    .await;
    let memory = &health["checks"]["memory"];
    assert!(memory["used_bytes"].as_u64() < Some(600 * MIB), "{health}");
    drop(server);
    drop(groups);
}
