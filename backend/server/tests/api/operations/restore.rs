//! `belfry restore` and servers keep out of each other's way, at whatever moment the one comes to the other.

use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::Value;

use crate::api::support::backups::{back_up, datasets, restore};
use crate::api::support::server::{PATIENCE, Place, Server, command};
use crate::api::support::skipping::{on_postgres, skipped};
use crate::api::support::uploads::{TABLE, begin_upload, sha256, upload};

/// A backup of one small dataset, of which reading the file can be held up: it is a named pipe.
struct HeldBackup {
    folder: PathBuf,
    pipe: PathBuf,
    content: Vec<u8>,
    _parent: tempfile::TempDir,
}

impl HeldBackup {
    fn of(server: &Server) -> Self {
        let (parent, folder) = back_up(server);
        let mut files = std::fs::read_dir(folder.join("files/datasets")).unwrap();
        let pipe = files.next().unwrap().unwrap().path();
        let content = std::fs::read(&pipe).unwrap();
        std::fs::remove_file(&pipe).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        Self { folder, pipe, content, _parent: parent }
    }

    /// Begins to bring it back to `place`, and waits until it has come to the pipe.
    fn begin(&self, place: &Place) -> (Child, std::fs::File) {
        let mut restore = command(&place.variables, place.folder.path());
        restore.args(["restore", self.folder.to_str().unwrap(), "--force"]);
        let child = restore.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Waits for a reader.
        let pipe = std::fs::File::options().write(true).open(&self.pipe).unwrap();
        (child, pipe)
    }

    /// Lets it go on to its end. It reads the pipe once to verify it and once to store it.
    fn let_go(&self, restore: Child, mut pipe: std::fs::File) -> (bool, String) {
        pipe.write_all(&self.content).unwrap();
        drop(pipe);
        // Until the first reader has seen the end, the second would write to it.
        std::thread::sleep(Duration::from_millis(300));
        assert!(self.pipe.metadata().unwrap().file_type().is_fifo());
        std::fs::write(&self.pipe, &self.content).unwrap();
        let output = restore.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }
}

/// Another data folder on the same database.
fn elsewhere(server: &Server) -> Place {
    Place { folder: Arc::new(tempfile::tempdir().unwrap()), ..server.place() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_during_a_restore_waits_for_its_end() {
    let mut server = Server::start().await;
    let kept = upload(&server, "", TABLE).await;
    let backup = HeldBackup::of(&server);
    let later = upload(&server, "", "a,b\n1,2\n").await;
    assert_eq!(server.stop().await, Some(0));
    let (child, pipe) = tokio::task::block_in_place(|| backup.begin(&server.place()));

    let (starting, seen) = tokio::task::block_in_place(|| server.begin_to_start("waiting for a restore"));
    assert!(seen.contains(server.folder.path().to_str().unwrap()), "{seen}");
    let get = |path: &str| server.client.get(format!("{}{path}", starting.url)).send();
    assert_eq!(get("/livez").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get("/readyz").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    let refused = server.client.post(format!("{}/api/v1/datasets", starting.url)).body("a,b\n3,4\n").send().await;
    assert_eq!(refused.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

    let (succeeded, said) = tokio::task::block_in_place(|| backup.let_go(child, pipe));
    assert!(succeeded, "{said}");
    tokio::task::block_in_place(|| server.finish_start(starting));
    let found = datasets(&server).await;
    assert!(found.contains_key(kept["id"].as_str().unwrap()) && !found.contains_key(later["id"].as_str().unwrap()));
    let content = server.get(&format!("/api/v1/datasets/{}/content", kept["id"].as_str().unwrap())).await;
    assert_eq!(sha256(&content.bytes().await.unwrap()), kept["sha256"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_keeps_a_restore_out_to_its_very_end() {
    let mut server = Server::start().await;
    upload(&server, "", TABLE).await;
    let (_parent, folder) = tokio::task::block_in_place(|| back_up(&server));
    let (pieces, answer) = begin_upload(&server).await;
    server.terminate();
    server.await_log(&["shutdown started"]).await;
    // Training and jobs end meanwhile, each in its time, and the upload still comes in.
    let stopping = Instant::now();
    while stopping.elapsed() < Duration::from_millis(1_500) {
        let (succeeded, said) = tokio::task::block_in_place(|| restore(&server.place(), &folder, true));
        assert!(!succeeded && said.contains(server.folder.path().to_str().unwrap()), "{said}");
    }
    drop(pieces);
    let acknowledged: Value = answer.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(server.ended().await, Some(0));
    server.start_again(&[]);
    assert!(datasets(&server).await.contains_key(acknowledged["id"].as_str().unwrap()), "{acknowledged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_connected_before_the_exchange_keeps_its_database() {
    if !on_postgres() {
        return skipped("SQLite is used by servers of one folder only");
    }
    let mut server = Server::start().await;
    upload(&server, "", TABLE).await;
    let backup = HeldBackup::of(&server);
    assert_eq!(server.stop().await, Some(0));
    let place = server.place();
    // It has looked for others by now, and found none.
    let (child, pipe) = tokio::task::block_in_place(|| backup.begin(&place));
    let other = tokio::task::block_in_place(|| Server::start_at(elsewhere(&server)));
    let acknowledged = upload(&other, "", TABLE).await;
    let (succeeded, said) = tokio::task::block_in_place(|| backup.let_go(child, pipe));
    assert!(!succeeded && said.contains("others are connected to the database"), "{said}");
    assert!(datasets(&other).await.contains_key(acknowledged["id"].as_str().unwrap()));
    // Before anything is copied, too.
    let (_parent, folder) = tokio::task::block_in_place(|| back_up(&other));
    let (succeeded, said) = tokio::task::block_in_place(|| restore(&place, &folder, true));
    assert!(!succeeded && said.contains("others are connected to the database"), "{said}");
}

/// Makes the database of a backup take a while to be read, in the transaction that replaces it.
fn slow_down(folder: &Path) {
    let path = folder.join("database.sql");
    let dump = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("SELECT pg_sleep(4);\n{dump}")).unwrap();
    let manifest = folder.join("manifest.json");
    let mut text: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    text["database"]["size_bytes"] = bytes.len().into();
    text["database"]["sha256"] = sha256(&bytes).into();
    std::fs::write(&manifest, text.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_connecting_during_the_exchange_finds_the_new_state() {
    if !on_postgres() {
        return skipped("SQLite is used by servers of one folder only");
    }
    let mut server = Server::start().await;
    let kept = upload(&server, "", TABLE).await;
    let (_parent, folder) = tokio::task::block_in_place(|| back_up(&server));
    slow_down(&folder);
    let later = upload(&server, "", TABLE).await;
    let watch = server.database().await;
    // Seen by the name of what is done, from another database: in this one it would be in the way.
    let name: String = sqlx::query_scalar("SELECT CURRENT_DATABASE()::text").fetch_one(&watch).await.unwrap();
    watch.close().await;
    let watch = sqlx::PgPool::connect(&std::env::var("BELFRY_TEST_DATABASE_URL").unwrap()).await.unwrap();
    assert_eq!(server.stop().await, Some(0));
    let place = server.place();
    let restoring = tokio::task::spawn_blocking(move || restore(&place, &folder, true));
    eventually("the exchange begins", PATIENCE, async || {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = $1 AND query LIKE '%pg_sleep(4)%'";
        let exchanging: i64 = sqlx::query_scalar(sql).bind(&name).fetch_one(&watch).await.unwrap();
        exchanging > 0
    })
    .await;
    let other = tokio::task::block_in_place(|| Server::start_at(elsewhere(&server)));
    let acknowledged = upload(&other, "", TABLE).await;
    let (succeeded, said) = restoring.await.unwrap();
    assert!(succeeded, "{said}");
    let found = datasets(&other).await;
    for dataset in [&kept, &acknowledged] {
        assert!(found.contains_key(dataset["id"].as_str().unwrap()), "{dataset} is lost: {found:?}");
    }
    assert!(!found.contains_key(later["id"].as_str().unwrap()), "{found:?}");
}
