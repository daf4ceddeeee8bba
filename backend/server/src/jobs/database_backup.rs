//! The job `database_backup`: saves the database as a file in `DATA__DIR/backups`.

use super::Components;
use crate::backup;
use crate::config::JobsConfig;
use crate::database::Engine;
use crate::error::{Error, Result};
use crate::events::backup::DatabaseSaved;
use crate::scheduler::{Job, Overlap, Plan, RunContext};

/// The job.
pub(super) struct DatabaseBackup(pub(super) Components);

impl Job for DatabaseBackup {
    const NAME: &'static str = "database_backup";

    fn plan(&self, config: &JobsConfig) -> Plan {
        let plan = Plan::new(config.backup_schedule.clone(), config);
        Plan { timeout: config.backup_timeout, overlap: Overlap::Wait, ..plan }
    }

    fn disabled_reason(&self) -> Option<String> {
        match self.0.database.engine {
            Engine::Postgres => backup::missing_program("pg_dump"),
            Engine::Sqlite => None,
        }
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        let (Components { config, database, .. }, metadata) = (&self.0, &context.metadata);
        let folder = backup::folder(config);
        let saved = backup::save_database(config, database, &folder).await.map_err(Error::Internal)?;
        DatabaseSaved { file: &saved.path, size_bytes: saved.size_bytes }.emit();
        metadata.set("file", saved.path);
        metadata.set("size_bytes", saved.size_bytes);
        metadata.set("sha256", saved.sha256);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Executor;

    use super::*;
    use crate::config::Config;
    use crate::database::Database;

    #[tokio::test]
    async fn an_abandoned_save_does_no_harm_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read([("DATA__DIR".to_owned(), folder.path().display().to_string())]).unwrap();
        let database = Database::open(&config).await.unwrap();
        database.pool.execute("CREATE TABLE ballast AS SELECT randomblob(64000000) AS content").await.unwrap();
        let saves = backup::folder(&config);
        let first = backup::save_database(&config, &database, &saves);
        assert!(tokio::time::timeout(Duration::from_millis(20), first).await.is_err(), "it is too quick for this test");
        // SQLite still writes what nobody waits for.
        let saved = backup::save_database(&config, &database, &saves).await.unwrap();
        let whole = std::fs::read_dir(&saves).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let whole: Vec<_> = whole.filter(|name| backup::is_saved_database(name)).collect();
        assert_eq!(whole, std::slice::from_ref(&saved.path));
        let copy = Database::open_file(&saves.join(&saved.path)).await.unwrap();
        let query = sqlx::query_scalar("SELECT length(content) FROM ballast");
        let length: i64 = query.fetch_one(&copy.pool).await.unwrap();
        assert_eq!(length, 64_000_000);
    }
}
