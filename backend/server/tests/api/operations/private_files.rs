//! What a server writes is for its own user alone, and so is what an earlier version left open.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::api::support::server::Server;
use crate::api::support::uploads::{TABLE, upload};

/// Everything in a folder and the folder itself, with the permissions of each.
fn modes(path: &Path) -> Vec<(PathBuf, u32)> {
    let metadata = path.symlink_metadata().unwrap();
    let mut found = vec![(path.to_owned(), metadata.permissions().mode() & 0o777)];
    if metadata.is_dir() {
        found.extend(std::fs::read_dir(path).unwrap().flat_map(|entry| modes(&entry.unwrap().path())));
    }
    found
}

fn open_to_all(path: &Path) {
    for (path, mode) in modes(path) {
        std::fs::set_permissions(path, Permissions::from_mode(mode | 0o055)).unwrap();
    }
}

/// What others may use in any way.
fn open_paths(path: &Path) -> Vec<PathBuf> {
    modes(path).into_iter().filter(|(_, mode)| mode & 0o077 != 0).map(|(path, _)| path).collect()
}

#[tokio::test]
async fn nobody_else_can_read_what_a_server_writes() {
    let mut server = Server::start().await;
    upload(&server, "", TABLE).await;
    assert!(server.post("/jobs/database_backup/run", &json!({})).await.status().is_success());
    belfry_test_support::eventually("the backup is there", crate::api::support::server::PATIENCE, async || {
        let saved = std::fs::read_dir(server.folder.path().join("backups")).into_iter().flatten();
        saved.flatten().any(|file| !file.file_name().to_string_lossy().contains(".partial"))
    })
    .await;
    assert_eq!(open_paths(server.folder.path()), Vec::<PathBuf>::new());
    let backup = server.folder.path().join("exported");
    let (succeeded, said) = server.place().run(&["backup", backup.to_str().unwrap()]);
    assert!(succeeded, "{said}");
    assert_eq!(open_paths(&backup), Vec::<PathBuf>::new());

    std::fs::remove_dir_all(&backup).unwrap();
    assert_eq!(server.stop().await, Some(0));
    open_to_all(server.folder.path());
    assert!(!open_paths(server.folder.path()).is_empty());
    server.start_again(&[]);
    server.await_status("/readyz", reqwest::StatusCode::OK).await;
    assert_eq!(open_paths(server.folder.path()), Vec::<PathBuf>::new());
}
