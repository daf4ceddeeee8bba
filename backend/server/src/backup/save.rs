//! The database as one file: a copy of SQLite's that is consistent while others write, or the output of `pg_dump`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::manifest::{Entry, describe};
use super::{postgres, sync_folder};
use crate::config::Config;
use crate::database::{Database, Engine};

const PREFIX: &str = "belfry-";
const PARTIAL: &str = ".partial";
const CHECKSUM: &str = ".sha256";

/// What the saved file of an engine ends in.
pub(super) fn extension(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "db",
        Engine::Postgres => "sql",
    }
}

/// Whether a file has the name of a saved database.
pub fn is_saved_database(name: &str) -> bool {
    name.starts_with(PREFIX) && (name.ends_with(".db") || name.ends_with(".sql"))
}

/// Whether a file has a name that a save which was cut off can leave behind.
pub fn is_left_over(name: &str) -> bool {
    name.starts_with(PREFIX) && [PARTIAL, CHECKSUM, "-journal"].iter().any(|end| name.ends_with(end))
}

/// The name of the file beside it that holds its checksum, as `sha256sum --check` reads it.
pub fn checksum_of(name: &str) -> String {
    format!("{name}{CHECKSUM}")
}

/// Saves the database as a new file in `folder`, named by the time, with its checksum beside it. The file appears when
/// it is whole and durable.
pub async fn save_database(config: &Config, database: &Database, folder: &Path) -> anyhow::Result<Entry> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
    let name = format!("{PREFIX}{time}.{}", extension(database.engine));
    let partial = Partial(folder.join(format!("{name}{PARTIAL}")));
    write(config, database, &partial.0, None).await?;

    let folder = folder.to_owned();
    let finish = move || {
        let path = format!("{name}{PARTIAL}");
        let entry = Entry { path: name, ..describe(&folder, &path)? };
        let checksum = folder.join(checksum_of(&entry.path));
        std::fs::write(&checksum, format!("{}  {}\n", entry.sha256, entry.path))?;
        std::fs::File::open(&checksum)?.sync_all()?;
        std::fs::rename(&partial.0, folder.join(&entry.path))?;
        sync_folder(&folder)?;
        anyhow::Ok(entry)
    };
    tokio::task::spawn_blocking(finish).await?.context("the saved database could not be finished")
}

/// Writes the database to the new file `path`, durably. With the name of a `snapshot`, as PostgreSQL exports them, it is
/// the state that the exporting transaction sees.
pub(super) async fn write(
    config: &Config,
    database: &Database,
    path: &Path,
    snapshot: Option<&str>,
) -> anyhow::Result<()> {
    match database.engine {
        Engine::Sqlite => {
            // One read transaction: writers go on meanwhile, and none of what they write is in the copy.
            let target = path.to_str().context("the path of the backup is no text")?;
            sqlx::query("VACUUM INTO $1").bind(target).execute(&database.pool).await?;
        }
        Engine::Postgres => {
            let mut command = postgres::command(config, "pg_dump")?;
            command.args(["--format=plain", "--no-owner", "--no-privileges", "--file"]).arg(path);
            command.args(snapshot.map(|snapshot| format!("--snapshot={snapshot}")));
            postgres::run(command).await?;
        }
    }
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::File::open(path)?.sync_all()).await??;
    Ok(())
}

/// A file that is removed unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already when all went well; what stays is swept by the retention.
        let _ = std::fs::remove_file(&self.0);
    }
}
