//! `belfry backup <folder>`: database and files, consistent while the server runs.
//!
//! The database comes first, then the files its copy names. What is uploaded later is in neither. What is removed in
//! between is in the database's copy without its file; the manifest names it, and `belfry restore` leaves its row out.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, FromRow, Row};
use tokio::io::AsyncWriteExt;

use super::manifest::{Entry, FILES, Manifest, describe};
use super::{save, sync_folder};
use crate::config::Config;
use crate::database::{Database, Engine};
use crate::storage::Storage;

/// A file that the database names.
struct Named {
    key: String,
    sha256: String,
}

impl FromRow<'_, AnyRow> for Named {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self { key: row.try_get("key")?, sha256: row.try_get("sha256")? })
    }
}

/// Takes a backup into `folder`, which must not exist or be empty.
pub async fn back_up(config: Config, folder: PathBuf) -> anyhow::Result<()> {
    ensure!(is_free(&folder)?, "{}: found files, expected a folder that is new or empty", folder.display());
    let database = Database::connect(&config).await?;
    let storage = Storage::open(&config)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    // Renamed when it is whole; gone when it is not.
    let building = tempfile::Builder::new().prefix(".belfry-backup-").tempdir_in(parent)?;

    let name = format!("database.{}", save::extension(database.engine));
    let schema = database.schema_version().await?;
    let named = save_and_list(&config, &database, &building.path().join(&name)).await?;
    let (mut files, mut removed_meanwhile) = (Vec::new(), Vec::new());
    for file in named {
        match copy(&storage, building.path(), &file).await? {
            Some(entry) => files.push(entry),
            None => removed_meanwhile.push(file.key),
        }
    }
    for folder in [FILES.to_owned(), format!("{FILES}/datasets"), format!("{FILES}/models")] {
        let folder = building.path().join(folder);
        if folder.exists() {
            sync_folder(&folder)?;
        }
    }
    let (count, removed) = (files.len(), removed_meanwhile.len());
    let size_bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
    let database_entry = describe(building.path(), &name)?;
    Manifest::new(database.engine, schema, database_entry, files, removed_meanwhile).write(building.path())?;
    sync_folder(building.path())?;
    // Replaces an empty folder, and nothing else.
    std::fs::rename(building.keep(), &folder).with_context(|| format!("cannot make {}", folder.display()))?;
    sync_folder(parent)?;
    let size = bytesize::ByteSize::b(size_bytes);
    println!("The database and {count} files ({size}) are in {}.", folder.display());
    if removed > 0 {
        println!("{removed} files were removed while the backup was taken; their rows will be left out.");
    }
    Ok(())
}

fn is_free(folder: &Path) -> anyhow::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("{} cannot be used", folder.display())),
    }
}

/// Saves the database to `path`, and lists the files that it names: of exactly this state.
async fn save_and_list(config: &Config, database: &Database, path: &Path) -> anyhow::Result<Vec<Named>> {
    match database.engine {
        Engine::Sqlite => {
            save::write(config, database, path, None).await?;
            let copy = Database::open_file(path).await?;
            let named = list(&copy.pool).await?;
            copy.pool.close().await;
            Ok(named)
        }
        Engine::Postgres => {
            let mut transaction = database.begin().await?;
            transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
            let snapshot: String =
                sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *transaction).await?;
            save::write(config, database, path, Some(&snapshot)).await?;
            let named = list(&mut *transaction).await?;
            transaction.rollback().await?;
            Ok(named)
        }
    }
}

async fn list<'e>(executor: impl Executor<'e, Database = Any>) -> anyhow::Result<Vec<Named>> {
    // A file whose removal has begun may be gone at any moment; its row is removed by the next clean-up wherever it is.
    let query = "SELECT storage_key AS key, sha256 FROM datasets WHERE removal_began_at IS NULL UNION ALL \
        SELECT model_key AS key, model_sha256 AS sha256 FROM runs WHERE model_key IS NOT NULL";
    Ok(sqlx::query_as(query).fetch_all(executor).await?)
}

/// Copies a file of the store into the backup. None if it is gone.
async fn copy(storage: &Storage, folder: &Path, file: &Named) -> anyhow::Result<Option<Entry>> {
    let mut pieces = match storage.read(&file.key, None).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        pieces => pieces?,
    };
    let path = format!("{FILES}/{}", file.key);
    let target = folder.join(&path);
    if let Some(parent) = target.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let (mut digest, mut size_bytes) = (Sha256::new(), 0);
    let mut copy = tokio::fs::File::create_new(&target).await?;
    while let Some(piece) = pieces.try_next().await? {
        digest.update(&piece);
        size_bytes += piece.len() as u64;
        copy.write_all(&piece).await?;
    }
    copy.sync_all().await?;
    let sha256 = hex::encode(digest.finalize());
    ensure!(
        sha256 == file.sha256,
        "{} is damaged in the store: its SHA-256 is not the one the database has; delete it or bring it back first",
        file.key
    );
    Ok(Some(Entry { path, size_bytes, sha256 }))
}
