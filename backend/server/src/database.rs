//! The pool. SQLite (WAL) is the embedded default, PostgreSQL comes by `DATABASE__URL`; one set of queries
//! runs on both, so statements keep to what both understand: `$1` placeholders, integers, floats and text.

pub mod bounds;
mod file;
mod migrations;
mod transaction;
mod unreachable;

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::Context;
use belfry_telemetry::database::PoolReading;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Connection, Executor};
use tracing::log::LevelFilter;

pub use transaction::Transaction;

pub use crate::timestamp::{micros, now_micros, rfc3339};

use crate::config::Config;
use file::DatabaseFile;

/// Which engine is behind the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Engine {
    /// The embedded default.
    Sqlite,
    /// By `DATABASE__URL`.
    Postgres,
}

/// The database.
#[derive(Clone)]
pub struct Database {
    /// Its connections.
    pub pool: AnyPool,
    /// Its engine, for the few statements that differ.
    pub engine: Engine,
}

/// Applied to each SQLite connection. FULL makes a commit survive a power cut, as an acknowledged upload must. Who waits
/// longer than the timeout for another writer gets 503, within three seconds in all.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;";

impl Database {
    /// Opens the pool, makes the SQLite file where there is none, and brings the schema up to date.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data.dir;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let database = Self::open_pool(config, true).await?;
        migrations::migrator().run(&database.pool).await.context("cannot bring the database schema up to date")?;
        Ok(database)
    }

    /// Opens the pool on a database that is there, and leaves its schema as it is.
    pub async fn connect(config: &Config) -> anyhow::Result<Self> {
        Self::open_pool(config, false).await
    }

    /// Opens another SQLite file by one connection that leaves no journal behind.
    pub async fn open_file(path: &Path) -> anyhow::Result<Self> {
        install_drivers();
        let options: AnyConnectOptions = sqlite_url(path, "rw")?.parse()?;
        let pool = AnyPoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { pool, engine: Engine::Sqlite })
    }

    async fn open_pool(config: &Config, may_create: bool) -> anyhow::Result<Self> {
        install_drivers();
        let (url, engine) = match config.database.url.expose() {
            "" => (sqlite_url(&sqlite_file(config), if may_create { "rwc" } else { "rw" })?, Engine::Sqlite),
            url => (url.to_owned(), Engine::Postgres),
        };
        let connect_options = options(&url)?;
        let file = DatabaseFile::at(sqlite_file(config));
        let (of_new, of_idle) = (file.clone(), file.clone());
        let pool = AnyPoolOptions::new()
            .max_connections(config.database.max_connections)
            .acquire_timeout(config.database.acquire_timeout)
            .acquire_time_level(LevelFilter::Debug)
            .after_connect(move |connection, _| {
                let file = of_new.clone();
                Box::pin(async move {
                    if engine == Engine::Sqlite {
                        // Before the first statement: that would mix the journal, which stays where it was, with
                        // whatever file is there now.
                        file.check()?;
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Ok(())
                })
            })
            .before_acquire(move |_, _| {
                let is_current = engine == Engine::Postgres || of_idle.check().is_ok();
                Box::pin(async move { Ok(is_current) })
            })
            .after_release(move |connection, _| {
                Box::pin(async move {
                    // The pool pings without a timeout, and would wait for ever on a connection whose query was abandoned
                    // after a timeout.
                    if engine == Engine::Postgres {
                        let pinged = tokio::time::timeout(bounds::REQUEST_TIMEOUT, connection.ping()).await;
                        pinged.unwrap_or_else(|_| Err(bounds::timeout_error(bounds::REQUEST_TIMEOUT)))?;
                    }
                    Ok(true)
                })
            })
            .connect_with(connect_options.clone())
            .await;
        let pool = match pool {
            Ok(pool) => pool,
            Err(error) => {
                let timeout = config.database.acquire_timeout;
                return Err(unreachable::explain(error, engine, &url, &connect_options, timeout).await);
            }
        };
        if engine == Engine::Sqlite {
            file.remember().context("cannot find the database")?;
            // A missing file is not created anew: it would be empty, and acknowledged data would seem to be gone.
            pool.set_connect_options(options(&sqlite_url(&sqlite_file(config), "rw")?)?);
        }
        Ok(Self { pool, engine })
    }

    /// The last migration of this database.
    pub async fn schema_version(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&self.pool).await
    }

    /// The last migration that this program knows.
    pub fn latest_schema() -> i64 {
        migrations::latest_version()
    }

    /// Writes and reads one row. The error is a sentence without addresses or secrets.
    pub async fn probe(&self) -> Result<(), String> {
        let probed = async {
            let now = now_micros();
            let write = sqlx::query("UPDATE health_probe SET probed_at = $1 WHERE id = 1").bind(now);
            let written = write.execute(&self.pool).await?.rows_affected();
            let read: i64 = sqlx::query_scalar("SELECT MAX(probed_at) FROM health_probe").fetch_one(&self.pool).await?;
            // Another server may have written since, by a clock that differs.
            Ok(written == 1 && read > 0)
        };
        match probed.await {
            Ok(true) => Ok(()),
            Ok(false) => Err("read-after-write check failed".to_owned()),
            Err(sqlx::Error::PoolTimedOut) => Err("no connection in time".to_owned()),
            Err(sqlx::Error::Database(error)) => Err(format!("refused: {}", error.message())),
            Err(_) => Err("cannot be reached".to_owned()),
        }
    }

    /// Sets the pool's gauges.
    pub fn emit_pool(&self) {
        let (open, idle) = (self.pool.size(), self.pool.num_idle());
        PoolReading::new(open.into(), idle as u64, self.pool.options().get_max_connections().into()).emit();
    }
}

/// The placeholders of `count` values, from this number on: `$3, $4`.
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

fn options(url: &str) -> anyhow::Result<AnyConnectOptions> {
    // The URL may hold a password, so the cause of a parse error is not shown.
    let options: AnyConnectOptions = url.parse().map_err(|_| anyhow::anyhow!("DATABASE__URL cannot be parsed"))?;
    Ok(options.log_statements(LevelFilter::Debug))
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// The file of the embedded database.
pub fn sqlite_file(config: &Config) -> PathBuf {
    config.data.dir.join("belfry.db")
}

fn sqlite_url(path: &Path, mode: &str) -> anyhow::Result<String> {
    let path = std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))?;
    let path =
        url::Url::from_file_path(&path).map_err(|()| anyhow::anyhow!("cannot make a URL of {}", path.display()))?;
    Ok(format!("sqlite://{}?mode={mode}", path.path()))
}

#[cfg(test)]
pub mod testing {
    //! A database for a unit test.

    use super::*;

    /// A database of its own: SQLite in `folder`, or one on the PostgreSQL server of `BELFRY_TEST_DATABASE_URL`.
    pub async fn fresh(folder: &Path) -> Database {
        Database::open(&settings_of_fresh(folder).await).await.unwrap()
    }

    /// The same as two servers have it open.
    pub async fn fresh_for_two(folder: &Path) -> [Database; 2] {
        let config = settings_of_fresh(folder).await;
        [Database::open(&config).await.unwrap(), Database::open(&config).await.unwrap()]
    }

    async fn settings_of_fresh(folder: &Path) -> Config {
        let mut variables = vec![
            ("DATA__DIR".to_owned(), folder.display().to_string()),
            // Other tests keep the disk busy.
            ("DATABASE__ACQUIRE_TIMEOUT".to_owned(), "1m".to_owned()),
        ];
        if let Ok(url) = std::env::var("BELFRY_TEST_DATABASE_URL") {
            let name = format!("belfry_{}", uuid::Uuid::now_v7().simple());
            let pool = sqlx::PgPool::connect(&url).await.unwrap();
            pool.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
            pool.close().await;
            let mut url: url::Url = url.parse().unwrap();
            url.set_path(&name);
            variables.push(("DATABASE__URL".to_owned(), url.to_string()));
        }
        Config::read(variables).unwrap()
    }
}
