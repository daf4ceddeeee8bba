//! `belfry backup` and `belfry restore`, and the scheduled backup of the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use belfry_test_support::eventually;
use belfry_test_support::s3::S3;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::support::backups::{back_up, datasets, restore};
use crate::api::support::jobs::await_runs;
use crate::api::support::runs::{await_end, upload_shipped};
use crate::api::support::server::{PATIENCE, Place, Server};
use crate::api::support::skipping::on_postgres;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn upload(client: &reqwest::Client, url: &str, body: String) -> Value {
    let upload = client.post(format!("{url}/api/v1/datasets")).header("content-type", "text/csv").body(body);
    upload.send().await.unwrap().json().await.unwrap()
}

/// Asserts that every dataset is what its row says.
async fn assert_whole(server: &Server) -> BTreeMap<String, String> {
    let found = datasets(server).await;
    for (id, expected) in &found {
        let path = format!("/api/v1/datasets/{id}/content");
        // A psql that outlived its restore may hold the tables for some seconds, until it finds that it is not alone.
        let content = eventually(&path, PATIENCE, async || {
            let answer = server.get(&path).await;
            if answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE {
                return None;
            }
            answer.bytes().await.ok()
        });
        assert_eq!(sha256(&content.await), *expected, "{id}");
    }
    found
}

/// Uploads and deletes until it is told to stop.
fn traffic(server: &Server) -> (Arc<AtomicBool>, tokio::task::JoinHandle<usize>) {
    let (stop, client, url) = (Arc::new(AtomicBool::new(false)), server.client.clone(), server.url.clone());
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        let mut count = 0;
        while !stopped.load(Ordering::Relaxed) {
            let made = upload(&client, &url, format!("a,b\n{count},x\n")).await;
            if count % 2 == 0 {
                let id = made["id"].as_str().unwrap();
                client.delete(format!("{url}/api/v1/datasets/{id}")).send().await.unwrap();
            }
            count += 1;
        }
        count
    });
    (stop, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_server_under_use_is_whole_and_works_elsewhere() {
    let server = Server::start().await;
    let dataset_id = upload_shipped(&server, "iris.csv").await;
    let body = json!({ "dataset_id": dataset_id, "target": "species", "params": { "n_trees": 5 } });
    let run: Value = server.post("/api/v1/runs", &body).await.json().await.unwrap();
    let run_id = run["id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
    let ended = await_end(&server, &run_id).await;
    assert_eq!(ended["outcome"], "completed", "{ended}");
    for number in 0..50 {
        upload(&server.client, &server.url, format!("a,b\n{number},first\n")).await;
    }
    // Its file is gone when the backup comes to it, as if it had been removed just then.
    let gone = upload(&server.client, &server.url, "a,b\n1,gone\n".to_owned()).await;
    let mut files = std::fs::read_dir(server.folder.path().join("files/datasets")).unwrap();
    let file = files.find(|file| std::fs::read(file.as_ref().unwrap().path()).unwrap() == b"a,b\n1,gone\n");
    std::fs::remove_file(file.unwrap().unwrap().path()).unwrap();
    let acknowledged = datasets(&server).await;

    let (stop, task) = traffic(&server);
    let (_parent, folder) = tokio::task::block_in_place(|| back_up(&server));
    stop.store(true, Ordering::Relaxed);
    assert!(task.await.unwrap() > 0, "nothing was uploaded meanwhile");

    let target = Place::new(&[]).await;
    let (succeeded, said) = restore(&target, &folder, false);
    assert!(succeeded, "{said}");
    let restored = Server::start_at(target);
    let found = assert_whole(&restored).await;
    let gone = gone["id"].as_str().unwrap();
    assert!(!found.contains_key(gone), "a row without its file came back");
    for (id, sha256) in acknowledged.iter().filter(|(id, _)| *id != gone) {
        assert_eq!(found.get(id), Some(sha256));
    }
    let row = json!({ "sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2 });
    let ask = json!({ "rows": [row] });
    let path = format!("/api/v1/runs/{run_id}/predict");
    let (before, after) = (server.post(&path, &ask).await, restored.post(&path, &ask).await);
    let (before, after): (Value, Value) = (before.json().await.unwrap(), after.json().await.unwrap());
    assert!(after["predictions"].is_array(), "{after}");
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    upload(&server.client, &server.url, "a,b\n1,x\n".to_owned()).await;
    let (_parent, folder) = back_up(&server);
    let files = std::fs::read_dir(folder.join("files/datasets")).unwrap();
    let file = files.map(|entry| entry.unwrap().path()).next().unwrap();
    std::fs::write(&file, "a,b\n1,y\n").unwrap();

    let target = Place::new(&[]).await;
    let (succeeded, said) = restore(&target, &folder, false);
    assert!(!succeeded);
    assert!(said.contains("files/datasets/") && said.contains("is damaged"), "{said}");
    std::fs::remove_file(&file).unwrap();
    let (succeeded, said) = restore(&target, &folder, true);
    assert!(!succeeded && said.contains("cannot be read"), "{said}");
    assert!(!target.folder.path().join("belfry.db").exists());
    let fresh = Server::start_at(target);
    assert!(datasets(&fresh).await.is_empty());
}

#[tokio::test]
async fn a_target_that_lives_or_holds_something_is_refused() {
    let mut server = Server::start().await;
    let kept = upload(&server.client, &server.url, "a,b\n1,x\n".to_owned()).await;
    let (_parent, folder) = back_up(&server);
    let later = upload(&server.client, &server.url, "a,b\n2,y\n".to_owned()).await;

    let (succeeded, said) = server.place().run(&["backup", folder.to_str().unwrap()]);
    assert!(!succeeded && said.contains("expected a folder that is new or empty"), "{said}");
    let (succeeded, said) = restore(&server.place(), &folder, true);
    assert!(!succeeded && said.contains("a server or another restore uses"), "{said}");
    assert_eq!(server.stop().await, Some(0));
    let (succeeded, said) = restore(&server.place(), &folder, false);
    assert!(!succeeded && said.contains("--force replaces it"), "{said}");
    server.start_again(&[]);
    assert_eq!(datasets(&server).await.len(), 2, "a refusal changed something");

    assert_eq!(server.stop().await, Some(0));
    let (succeeded, said) = restore(&server.place(), &folder, true);
    assert!(succeeded, "{said}");
    server.start_again(&[]);
    let found = assert_whole(&server).await;
    assert!(found.contains_key(kept["id"].as_str().unwrap()));
    assert!(!found.contains_key(later["id"].as_str().unwrap()), "what came after the backup is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_bucket_comes_back_to_a_folder() {
    let s3 = S3::start().await;
    let settings = s3.settings();
    let server = Server::start_with(&settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let made = upload(&server.client, &server.url, "a,b\n1,x\n".to_owned()).await;
    let (_parent, folder) = tokio::task::block_in_place(|| back_up(&server));
    let target = Place::new(&[]).await;
    let (succeeded, said) = restore(&target, &folder, false);
    assert!(succeeded, "{said}");
    let restored = Server::start_at(target);
    assert!(assert_whole(&restored).await.contains_key(made["id"].as_str().unwrap()));
}

#[tokio::test]
async fn the_scheduled_backup_is_a_whole_database_with_its_checksum() {
    let server = Server::start_with(&[("RETENTION__BACKUPS", "1")]).await;
    upload(&server.client, &server.url, "a,b\n1,x\n".to_owned()).await;
    let folder = server.folder.path().join("backups");
    let mut names = Vec::new();
    for count in 1..=2 {
        server.post("/jobs/database_backup/run", &json!({})).await;
        let run = await_runs(&server, "database_backup", count).await.remove(0);
        assert_eq!(run["status"], "success", "{run}");
        let name = run["metadata"]["file"].as_str().unwrap().to_owned();
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        assert_eq!(run["metadata"]["sha256"], sha256(&bytes));
        let checksum = std::fs::read_to_string(folder.join(format!("{name}.sha256"))).unwrap();
        assert_eq!(checksum, format!("{}  {name}\n", sha256(&bytes)));
        assert_eq!(server.metric("belfry_backup_size_bytes").await, Some(bytes.len() as f64));
        if on_postgres() {
            assert!(String::from_utf8(bytes).unwrap().contains("PostgreSQL database dump complete"));
        } else {
            let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", folder.join(&name).display())).await.unwrap();
            let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM datasets").fetch_one(&pool).await.unwrap();
            assert_eq!(count, 1);
            pool.close().await;
        }
        names.push(name);
    }
    await_runs(&server, "backup_retention", 1).await;
    server.post("/jobs/backup_retention/run", &json!({})).await;
    let run = await_runs(&server, "backup_retention", 2).await.remove(0);
    assert_eq!(run["metadata"]["removed"], 1, "{run}");
    assert!(!folder.join(&names[0]).exists() && folder.join(&names[1]).exists());
}

#[tokio::test]
async fn without_pg_dump_the_backup_job_is_disabled_and_says_why() {
    let server = Server::start_with(&[("PATH", "/nowhere")]).await;
    let stats = server.json("/jobs/stats/database_backup").await;
    if on_postgres() {
        assert_eq!(stats["state"], "disabled", "{stats}");
        assert!(stats["disabled_reason"].as_str().unwrap().starts_with("pg_dump is not on the PATH"), "{stats}");
        let (succeeded, said) = server.place().run(&["backup", server.folder.path().join("new").to_str().unwrap()]);
        assert!(!succeeded && said.contains("pg_dump is not on the PATH"), "{said}");
    } else {
        assert_eq!(stats["state"], "enabled", "SQLite needs no program: {stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_cut_off_leaves_the_old_state_or_the_new() {
    let mut server = Server::start().await;
    for number in 0..20 {
        upload(&server.client, &server.url, format!("a,b\n{number},old\n")).await;
    }
    let (_parent, folder) = back_up(&server);
    let (of_backup, mut outcomes) = (datasets(&server).await, [0, 0]);
    // Moments from its very beginning to its end, then later ones until one came after the exchange.
    let mut moments = (0..12_u64).map(|attempt| attempt * 12).chain((3..).map(|power| 25 << power));
    for attempt in 0.. {
        if attempt >= 12 && outcomes[1] > 0 {
            break;
        }
        assert!(attempt < 20, "it never comes to its end");
        upload(&server.client, &server.url, format!("a,b\n{attempt},new\n")).await;
        let before = datasets(&server).await;
        assert_eq!(server.stop().await, Some(0));
        let place = server.place();
        let mut restore = crate::api::support::server::command(&place.variables, place.folder.path());
        restore.args(["restore", folder.to_str().unwrap(), "--force"]);
        let mut restore = restore.stdout(std::process::Stdio::null()).spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(moments.next().unwrap())).await;
        // It may have ended by itself.
        let _ = restore.kill();
        restore.wait().unwrap();
        server.start_again(&[]);
        server.await_status("/api/v1/datasets", reqwest::StatusCode::OK).await;
        let after = assert_whole(&server).await;
        let is_new = after == of_backup;
        assert!(is_new || after == before, "neither: {after:?}");
        outcomes[usize::from(is_new)] += 1;
    }
    println!("the old state {} times, the new {} times", outcomes[0], outcomes[1]);
    assert!(outcomes[0] > 0, "none was cut off early");
}
