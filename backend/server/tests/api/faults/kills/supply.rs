//! Work for clean-up and sweep, so that they are at it when a server dies.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sqlx::AnyPool;
use uuid::Uuid;

use super::count;

/// Clean-up takes longer for this many than a server lives.
const EXPIRED: i64 = 1_000;

/// Makes sure that there are datasets whose time is over, each with its file.
pub async fn supply_expired(database: &AnyPool, folder: &Path) {
    if count(database, "SELECT COUNT(*) FROM datasets WHERE name = 'supply'").await > EXPIRED / 2 {
        return;
    }
    let mut insert = "INSERT INTO datasets \
        (id, name, format, size_bytes, sha256, row_count, columns, storage_key, created_at, expires_at) VALUES "
        .to_owned();
    std::fs::create_dir_all(folder.join("files/datasets")).unwrap();
    for number in 0..EXPIRED {
        let id = Uuid::now_v7();
        std::fs::write(folder.join(format!("files/datasets/{id}")), b"a\n1\n").unwrap();
        let comma = if number == 0 { "" } else { ", " };
        write!(insert, "{comma}('{id}', 'supply', 'csv', 4, '', 1, '[]', 'datasets/{id}', 1, 2)").unwrap();
    }
    sqlx::query(sqlx::AssertSqlSafe(insert)).execute(database).await.unwrap();
}

/// Leaves what a process leaves that died two hours ago: files without rows, one that is half-written, a probe's, and its
/// place of work.
pub fn plant_orphans(folder: &Path) {
    let old = SystemTime::now() - Duration::from_secs(7_200);
    let names = ["datasets/", "models/", "probes/"].map(|kind| format!("files/{kind}{}", Uuid::now_v7()));
    let half_written = format!("files/datasets/{}#1", Uuid::now_v7());
    for name in names.iter().chain([&half_written]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Made beside the store, so that it is never seen as young.
        let made = folder.join("planted");
        std::fs::File::create(&made).unwrap().set_modified(old).unwrap();
        std::fs::rename(made, path).unwrap();
    }
    let workplace = folder.join("work").join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&workplace).unwrap();
    std::fs::File::open(&workplace).unwrap().set_modified(old).unwrap();
}
