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

/// How long connections of a server that has just stopped may be seen.
const LETTING_GO: Duration = Duration::from_secs(3);

/// How often they are looked for meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Leaves out the rows whose files are not in the backup.
const LEAVE_OUT: [&str; 2] = [
    "DELETE FROM datasets WHERE storage_key = ",
    "UPDATE runs SET model_key = NULL, model_size_bytes = NULL, model_sha256 = NULL WHERE model_key = ",
];

/// Drops what the migrations and nobody else made, or a newer schema would meet its own tables again. Somebody who works
/// with a table is not waited for without end.
const CLEAR: &str = "SET LOCAL lock_timeout = '10s'; DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() LOOP \
    EXECUTE 'DROP TABLE ' || name || ' CASCADE'; END LOOP; END $$;\n";

/// How many others are connected to the database. A role that may not see what others are, sees that they are there.
const OTHERS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND COALESCE(backend_type, 'client backend') = 'client backend'";

/// Brings the backup in `folder` back to where the settings point. A target that holds something is replaced by `force` only.
pub async fn restore(config: Config, folder: PathBuf, force: bool) -> anyhow::Result<()> {
    let engine = if config.database.url.is_empty() { Engine::Sqlite } else { Engine::Postgres };
    let manifest = Manifest::read(&folder)?;
    manifest.check_target(engine, Database::latest_schema())?;
    // Held to the end: a server that starts meanwhile waits for it.
    let _alone = data_lock::take_alone(&config.data.dir)?;
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
            // Asked again when it counts; so early, nothing was copied in vain.
            let count = async || sqlx::query_scalar::<_, i64>(OTHERS).fetch_one(&database.pool).await;
            let (asked, mut others) = (Instant::now(), count().await?);
            // PostgreSQL needs a moment to let a server go that has just stopped.
            while others > 0 && asked.elapsed() < LETTING_GO {
                tokio::time::sleep(LOOK).await;
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
        settle_journal(&target).await?;
        std::fs::rename(&new, &target)?;
        sync_folder(&config.data.dir)?;
        anyhow::Ok(())
    };
    let replaced = replaced.await;
    if replaced.is_err() {
        // What stays is of no use to anybody, and in nobody's way.
        let _ = std::fs::remove_file(&new);
    }
    replaced.context("cannot put the database in place")
}

/// Brings what stands in the journal of the old database into it, so that none is left that the new one would take for
/// its own. That of a database which cannot be opened goes with it.
async fn settle_journal(target: &Path) -> anyhow::Result<()> {
    if target.exists()
        && let Ok(old) = Database::open_file(target).await
    {
        // Damaged beyond this, it is to be replaced all the same.
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

/// Replaces what the PostgreSQL database holds, in one transaction. Its last word goes to `psql` last of all: if this
/// process dies before, the input ends without it, and nothing has happened.
async fn replace_content(config: &Config, saved: &Path, left_out: &[String]) -> anyhow::Result<()> {
    // A dump leaves no schema to look in.
    let mut after = "RESET search_path;\n".to_owned();
    for key in left_out {
        let key = key.replace('\'', "''");
        after.extend(LEAVE_OUT.iter().map(|statement| format!("{statement}'{key}';\n")));
    }
    after.push_str("COMMIT;\n");
    let mut command = postgres::command(config, "psql")?;
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]);
    let before = format!("BEGIN;\n{CLEAR}{}", refuse_others());
    let replaced = postgres::feed(command, &before, saved, &after).await;
    replaced.context("the database could not be replaced, and is as it was")
}

/// Ends the transaction if others are connected. The tables are locked by then: whoever connects later waits at its first
/// query, and then finds the new ones.
fn refuse_others() -> String {
    let looks = LETTING_GO.as_millis() / LOOK.as_millis();
    let pause = LOOK.as_secs_f64();
    format!(
        "DO $$ DECLARE others bigint; BEGIN FOR look IN 1..{looks} LOOP PERFORM pg_stat_clear_snapshot(); \
         others := ({OTHERS}); EXIT WHEN others = 0; PERFORM pg_sleep({pause}); END LOOP; IF others > 0 THEN \
         RAISE EXCEPTION '% others are connected to the database: stop the servers on it first', others; \
         END IF; END $$;\n"
    )
}
