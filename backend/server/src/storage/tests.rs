//! The same claims on a local folder and on a real S3 server.

use std::time::Instant;

use belfry_test_support::s3::S3;
use tempfile::TempDir;

use super::*;

/// Larger than two parts of a remote store.
const SEVERAL_PARTS: usize = 20 << 20;

struct Opened {
    storage: Storage,
    /// Where the store keeps its files.
    root: PathBuf,
    work: TempDir,
    _server: Option<S3>,
}

async fn both() -> Vec<Opened> {
    let server = S3::start().await;
    let work = tempfile::tempdir().unwrap();
    let remote = open(&work, server.settings().map(|(key, value)| (key.to_owned(), value)).to_vec());
    let root = server.folder.path().to_owned();
    let remote = Opened { storage: remote, root, work, _server: Some(server) };
    let work = tempfile::tempdir().unwrap();
    let local = open(&work, Vec::new());
    vec![Opened { storage: local, root: work.path().join("files"), work, _server: None }, remote]
}

fn open(work: &TempDir, mut settings: Vec<(String, String)>) -> Storage {
    settings.push(("DATA__DIR".to_owned(), work.path().to_str().unwrap().to_owned()));
    Storage::open(&Config::read(settings).unwrap()).unwrap()
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

async fn write(storage: &Storage, key: &str, bytes: &[u8]) {
    let mut writer = storage.write(key).await.unwrap();
    for piece in bytes.chunks(100_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    writer.finish().await.unwrap();
}

async fn read(storage: &Storage, key: &str, range: Option<Range<u64>>) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = storage.read(key, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

async fn keys(storage: &Storage, prefix: &str) -> Vec<String> {
    let mut found: Vec<ObjectMeta> = storage.list(prefix).try_collect().await.unwrap();
    found.sort_by(|a, b| a.location.cmp(&b.location));
    found.into_iter().map(|file| file.location.to_string()).collect()
}

/// Files below a folder, whatever they are called.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_is_written_is_read_back_whole_and_in_part() {
    for Opened { storage, .. } in both().await {
        let bytes = sample(SEVERAL_PARTS);
        write(&storage, "datasets/a", &bytes).await;
        assert_eq!(storage.size("datasets/a").await.unwrap(), SEVERAL_PARTS as u64);
        assert!(read(&storage, "datasets/a", None).await.unwrap() == bytes);
        let middle = read(&storage, "datasets/a", Some(1_000_000..1_700_001)).await.unwrap();
        assert!(middle == bytes[1_000_000..1_700_001]);
    }
}

#[tokio::test]
async fn a_file_is_not_there_before_it_is_finished() {
    for Opened { storage, .. } in both().await {
        let mut writer = storage.write("datasets/a").await.unwrap();
        writer.write(Bytes::from(sample(SEVERAL_PARTS))).await.unwrap();
        assert!(matches!(storage.size("datasets/a").await, Err(object_store::Error::NotFound { .. })));
        assert_eq!(keys(&storage, "datasets").await, Vec::<String>::new());
        writer.finish().await.unwrap();
        assert_eq!(keys(&storage, "datasets").await, ["datasets/a"]);
    }
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    for Opened { storage, root, .. } in both().await {
        let mut writer = storage.write("datasets/a").await.unwrap();
        writer.write(Bytes::from(sample(SEVERAL_PARTS))).await.unwrap();
        await_unfinished(&root, true).await;
        drop(writer);
        await_unfinished(&root, false).await;
        assert_eq!(keys(&storage, "datasets").await, Vec::<String>::new());
    }
}

/// Waits until there are, or are no, files that a writer has not finished.
async fn await_unfinished(root: &Path, expected: bool) {
    let started = Instant::now();
    loop {
        let files = files_below(root);
        let unfinished = files.iter().any(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.contains('#') || name.contains(".part-")
        });
        if unfinished == expected {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{files:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_file_comes_in_and_goes_out_through_local_files() {
    for Opened { storage, work, .. } in both().await {
        let (from, to) = (work.path().join("from"), work.path().join("to"));
        let bytes = sample(3 << 20);
        std::fs::write(&from, &bytes).unwrap();
        assert_eq!(storage.put_file("models/m", &from).await.unwrap(), 3 << 20);
        storage.fetch_to_file("models/m", &to).await.unwrap();
        assert!(std::fs::read(&to).unwrap() == bytes);
        if let Some(path) = storage.local_path("models/m") {
            assert!(std::fs::read(path).unwrap() == bytes);
        }
    }
}

#[tokio::test]
async fn deleting_what_is_gone_is_no_error() {
    for Opened { storage, .. } in both().await {
        write(&storage, "datasets/a", b"x").await;
        storage.delete("datasets/a").await.unwrap();
        storage.delete("datasets/a").await.unwrap();
        assert!(matches!(read(&storage, "datasets/a", None).await, Err(object_store::Error::NotFound { .. })));
    }
}

#[tokio::test]
async fn a_list_holds_one_folder_and_no_other() {
    for Opened { storage, .. } in both().await {
        for key in ["datasets/a", "datasets/b", "models/c"] {
            write(&storage, key, b"x").await;
        }
        assert_eq!(keys(&storage, "datasets").await, ["datasets/a", "datasets/b"]);
        assert_eq!(keys(&storage, "models").await, ["models/c"]);
        assert_eq!(keys(&storage, "nothing").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_probe_of_a_good_store_leaves_nothing() {
    for Opened { storage, .. } in both().await {
        storage.probe().await.unwrap();
        assert_eq!(keys(&storage, "probes").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_probe_fails_on_a_store_that_is_away_or_refuses() {
    let server = S3::start().await;
    let work = tempfile::tempdir().unwrap();
    let with = |key: &str, value: &str| {
        let mut settings = server.settings().map(|(key, value)| (key.to_owned(), value));
        settings.iter_mut().filter(|(name, _)| name == key).for_each(|(_, old)| *old = value.to_owned());
        open(&work, settings.to_vec())
    };
    let started = Instant::now();
    with("STORAGE__ENDPOINT", "http://127.0.0.1:9").probe().await.unwrap_err();
    with("STORAGE__SECRET_ACCESS_KEY", "wrong").probe().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(40), "it took {:?}", started.elapsed());
}

#[tokio::test]
async fn what_a_killed_writer_left_is_removed_once_it_is_old() {
    let work = tempfile::tempdir().unwrap();
    let storage = open(&work, Vec::new());
    assert_eq!(storage.remove_abandoned("datasets", Duration::ZERO).await.unwrap().removed, 0);
    write(&storage, "datasets/kept", b"x").await;
    let mut writer = storage.write("datasets/left").await.unwrap();
    writer.write(Bytes::from(sample(2 << 20))).await.unwrap();
    // As a kill would: nothing is cleaned up.
    std::mem::forget(writer);
    assert_eq!(storage.remove_abandoned("datasets", Duration::from_secs(3600)).await.unwrap().removed, 0);
    // What is no file is passed over.
    let bad = work.path().join("files/datasets/bad#1");
    std::fs::create_dir(&bad).unwrap();
    let abandoned = storage.remove_abandoned("datasets", Duration::ZERO).await.unwrap();
    assert_eq!((abandoned.removed, abandoned.failures.len()), (1, 1));
    std::fs::remove_dir(&bad).unwrap();
    assert_eq!(files_below(&work.path().join("files/datasets")), [work.path().join("files/datasets/kept")]);
}
