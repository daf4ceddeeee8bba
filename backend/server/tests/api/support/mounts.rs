//! Real file systems that are small, or turn read-only under the server. They need root.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::api::support::skipping::skipped;

/// A small file system in memory, gone with the value.
pub struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts one of this size on `folder`, which is made. `None`, said aloud, where that is not allowed: without root, or
    /// where the kernel refuses it even to root, as in most containers.
    pub fn mount(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let options = format!("size={size},mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { folder: folder.to_owned() }),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let is_refused = ["permission denied", "must be superuser", "Operation not permitted"];
                assert!(is_refused.iter().any(|refusal| said.contains(refusal)), "cannot mount a file system: {said}");
                skipped(&format!("cannot mount a file system here: {}", said.trim()));
                None
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "cannot start mount: {error}");
                skipped("there is no mount on this machine");
                None
            }
        }
    }

    /// Makes it read-only (`ro`) or writable (`rw`).
    pub fn remount(&self, mode: &str) {
        let remounted =
            Command::new("mount").args(["-o", &format!("remount,{mode}")]).arg(&self.folder).output().unwrap();
        assert!(remounted.status.success(), "{}", String::from_utf8_lossy(&remounted.stderr));
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, as the server may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
