//! `belfry backup` and `belfry restore`, and what a server has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::api::support::server::{Place, Server};

/// All datasets by id, with their checksums.
pub async fn datasets(server: &Server) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = server.json(&format!("/api/v1/datasets?limit=200{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            found.insert(item["id"].as_str().unwrap().to_owned(), item["sha256"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

/// A backup of `server` in a folder of its own.
pub fn back_up(server: &Server) -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("backup");
    let (succeeded, said) = server.place().run(&["backup", folder.to_str().unwrap()]);
    assert!(succeeded, "{said}");
    (parent, folder)
}

pub fn restore(place: &Place, folder: &Path, force: bool) -> (bool, String) {
    let mut arguments = vec!["restore", folder.to_str().unwrap()];
    arguments.extend(force.then_some("--force"));
    place.run(&arguments)
}
