//! `belfry restore <folder>`: brings a backup back.
//!
//! Everything is checked before anything is changed. Then the files go into the store, where they disturb nobody: no row
//! names them yet, and keys are never used twice. The change itself is one step of the database: a file renamed, or a
//! transaction. Cut off before it, the old state holds, and the job `orphan_sweep` removes the files; after it, the new.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use futures::StreamExt;

use super::manifest::Manifest;
use super::{postgres, sync_folder};
use crate::config::Config;
use crate::data_lock;
use crate::database::{Database, Engine, sqlite_file};
use crate::storage::Storage;

/// How long PostgreSQL may still list the connections of a server that has just stopped.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the connections are counted meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Leaves out the rows whose files are not in the backup.
const LEAVE_OUT: [&str; 2] = [
    "DELETE FROM datasets WHERE storage_key = ",
    "UPDATE runs SET model_key = NULL, model_size_bytes = NULL, model_sha256 = NULL WHERE model_key = ",
];

/// Drops all tables, or migrations to a newer schema would find their tables there already. Waits for others' locks only for a
/// bounded time.
const CLEAR: &str = "SET LOCAL lock_timeout = '10s'; DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() LOOP \
    EXECUTE 'DROP TABLE ' || name || ' CASCADE'; END LOOP; END $$;\n";

/// Other client connections to the database. A role without the right to see their kind still sees that they exist.
const COUNT_OTHER_CONNECTIONS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND COALESCE(backend_type, 'client backend') = 'client backend'";

/// Brings the backup in `folder` back to where the settings point. A target that holds something is replaced by `force` only.
pub async fn restore(config: Config, folder: PathBuf, force: bool) -> anyhow::Result<()> {
    let engine = if config.database.url.is_empty() { Engine::Sqlite } else { Engine::Postgres };
    let manifest = Manifest::read(&folder)?;
    manifest.check_target(engine, Database::latest_schema())?;
    // Held to the end: a server that starts meanwhile waits for it.
    let _lock = data_lock::lock_exclusive(&config.data.dir)?;
    let storage = Storage::open(&config)?;
    let occupied = what_is_there(&config, engine, &storage).await?;
    if let Some(occupied) = occupied.filter(|_| !force) {
        bail!("the target is not empty: found {occupied}; --force replaces it");
    }
    manifest.verify(&folder)?;

    for file in &manifest.files {
        let key = file.key().with_context(|| format!("{} is not a file of the store", file.path))?;
        storage.put_file(key, &folder.join(&file.path)).await.with_context(|| format!("cannot store {key}"))?;
    }
    let database = folder.join(&manifest.database.path);
    match engine {
        Engine::Sqlite => replace_file(&config, &database, &manifest.removed_meanwhile).await?,
        Engine::Postgres => replace_content(&config, &database, &manifest.removed_meanwhile).await?,
    }
    let (count, taken) = (manifest.files.len(), &manifest.created_at);
    println!("The database and {count} files are back as they were at {taken}.");
    Ok(())
}

/// What the target holds already.
async fn what_is_there(config: &Config, engine: Engine, storage: &Storage) -> anyhow::Result<Option<String>> {
    match engine {
        Engine::Sqlite => {
            let path = sqlite_file(config);
            if path.exists() {
                return Ok(Some(format!("the database {}", path.display())));
            }
        }
        Engine::Postgres => {
            let database = Database::connect(config).await?;
            // Checked again in the transaction; this early check avoids copying files in vain.
            let count = async || sqlx::query_scalar::<_, i64>(COUNT_OTHER_CONNECTIONS).fetch_one(&database.pool).await;
            let (started, mut others) = (Instant::now(), count().await?);
            // PostgreSQL needs a moment to end the connections of a server that has just stopped.
            while others > 0 && started.elapsed() < DISCONNECT_TIMEOUT {
                tokio::time::sleep(POLL_INTERVAL).await;
                others = count().await?;
            }
            ensure!(others == 0, "{others} others are connected to the database: stop the servers on it first");
            let query = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()";
            let tables: i64 = sqlx::query_scalar(query).fetch_one(&database.pool).await?;
            database.pool.close().await;
            if tables > 0 {
                return Ok(Some(format!("{tables} tables in the database")));
            }
        }
    }
    for kind in ["datasets", "models"] {
        if let Some(file) = storage.list(kind).next().await {
            return Ok(Some(format!("the file {} in the store", file?.location)));
        }
    }
    Ok(None)
}

/// The database that is to take the place of the old one.
fn being_restored(config: &Config) -> PathBuf {
    sqlite_file(config).with_extension("db.restoring")
}

/// Removes what a restore that was cut off left beside the database, if it is older than `at_least`. Returns whether
/// there was something.
///
/// # Errors
/// A file that cannot be removed.
pub fn remove_cut_off(config: &Config, at_least: Duration) -> io::Result<bool> {
    let path = being_restored(config);
    let changed = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        metadata => metadata?.modified()?,
    };
    let is_old = SystemTime::now().duration_since(changed).is_ok_and(|age| age >= at_least);
    if is_old {
        std::fs::remove_file(&path)?;
    }
    Ok(is_old)
}

/// Puts the saved file in the place of the SQLite database.
async fn replace_file(config: &Config, saved: &Path, left_out: &[String]) -> anyhow::Result<()> {
    let target = sqlite_file(config);
    let new = being_restored(config);
    let replaced = async {
        tokio::fs::copy(saved, &new).await?;
        let copy = Database::open_file(&new).await?;
        for key in left_out {
            for statement in LEAVE_OUT {
                let statement = format!("{statement}$1");
                sqlx::query(sqlx::AssertSqlSafe(statement)).bind(key).execute(&copy.pool).await?;
            }
        }
        copy.pool.close().await;
        File::open(&new)?.sync_all()?;
        remove_old_journal(&target).await?;
        std::fs::rename(&new, &target)?;
        sync_folder(&config.data.dir)?;
        anyhow::Ok(())
    };
    let replaced = replaced.await;
    if replaced.is_err() {
        // A leftover does no harm.
        let _ = std::fs::remove_file(&new);
    }
    replaced.context("cannot put the database in place")
}

/// Checkpoints the journal of the old database and removes it, so that the new database does not pick it up. The journal of a
/// database that cannot be opened is removed with it.
async fn remove_old_journal(target: &Path) -> anyhow::Result<()> {
    if target.exists()
        && let Ok(old) = Database::open_file(target).await
    {
        // A failure does not matter: the old database is about to be replaced.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&old.pool).await;
        old.pool.close().await;
    }
    for end in ["-wal", "-shm"] {
        let mut journal = target.as_os_str().to_owned();
        journal.push(end);
        match std::fs::remove_file(journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Replaces the content of the PostgreSQL database in one transaction. `COMMIT` is the last line sent to `psql`: if this
/// process dies before, the input ends without it and the transaction is rolled back.
async fn replace_content(config: &Config, saved: &Path, left_out: &[String]) -> anyhow::Result<()> {
    // A dump empties the search path.
    let mut after = "RESET search_path;\n".to_owned();
    for key in left_out {
        let key = key.replace('\'', "''");
        after.extend(LEAVE_OUT.iter().map(|statement| format!("{statement}'{key}';\n")));
    }
    after.push_str("COMMIT;\n");
    let mut command = postgres::command(config, "psql")?;
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]);
    let before = format!("BEGIN;\n{CLEAR}{}", refuse_other_connections());
    let replaced = postgres::feed(command, &before, saved, &after).await;
    replaced.context("the database could not be replaced, and is as it was")
}

/// Ends the transaction if others are connected. The tables are locked by then: whoever connects later waits at its first
/// query, and then finds the new ones.
fn refuse_other_connections() -> String {
    let looks = DISCONNECT_TIMEOUT.as_millis() / POLL_INTERVAL.as_millis();
    let pause = POLL_INTERVAL.as_secs_f64();
    format!(
        "DO $$ DECLARE others bigint; BEGIN FOR look IN 1..{looks} LOOP PERFORM pg_stat_clear_snapshot(); \
         others := ({COUNT_OTHER_CONNECTIONS}); EXIT WHEN others = 0; PERFORM pg_sleep({pause}); END LOOP; IF others > 0 THEN \
         RAISE EXCEPTION '% others are connected to the database: stop the servers on it first', others; \
         END IF; END $$;\n"
    )
}
