//! The pool and the clock. SQLite (WAL) is the embedded default, PostgreSQL comes by `DATABASE__URL`; one set of queries
//! runs on both, so statements keep to what both understand: `$1` placeholders, integers, floats and text.

use std::path::Path;
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use belfry_telemetry::catalogue::{DB_CONNECTIONS_ACTIVE, DB_CONNECTIONS_IDLE, DB_CONNECTIONS_MAX};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Executor};
use tracing::log::LevelFilter;

use crate::config::Config;

/// Which engine is behind the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// longer than the timeout for another writer is answered 503, within three seconds all in all.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;";

impl Database {
    /// Opens the pool and brings the schema up to date.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let (url, engine) = match config.database.url.expose() {
            "" => (sqlite_url(&config.data.dir)?, Engine::Sqlite),
            url => (url.to_owned(), Engine::Postgres),
        };
        // The URL may hold a password, so the cause of a parse error is not shown.
        let options: AnyConnectOptions = url.parse().map_err(|_| anyhow::anyhow!("DATABASE__URL cannot be parsed"))?;
        let options = options.log_statements(LevelFilter::Debug);
        let pool = AnyPoolOptions::new()
            .max_connections(config.database.max_connections)
            .acquire_timeout(config.database.acquire_timeout)
            .acquire_time_level(LevelFilter::Debug)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if engine == Engine::Sqlite {
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .context("cannot open the database")?;
        sqlx::migrate!().run(&pool).await.context("cannot bring the database schema up to date")?;
        Ok(Self { pool, engine })
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
            Ok(false) => Err("what was written is not there".to_owned()),
            Err(sqlx::Error::PoolTimedOut) => Err("no connection in time".to_owned()),
            Err(sqlx::Error::Database(error)) => Err(format!("refused: {}", error.message())),
            Err(_) => Err("cannot be reached".to_owned()),
        }
    }

    /// Sets the pool's gauges.
    pub fn emit_pool(&self) {
        let idle = self.pool.num_idle();
        DB_CONNECTIONS_IDLE.set(idle as f64);
        DB_CONNECTIONS_ACTIVE.set((self.pool.size() as usize).saturating_sub(idle) as f64);
        DB_CONNECTIONS_MAX.set(f64::from(self.pool.options().get_max_connections()));
    }
}

fn sqlite_url(folder: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("cannot find the folder {}", folder.display()))?;
    let path = url::Url::from_file_path(folder.join("belfry.db"))
        .map_err(|()| anyhow::anyhow!("cannot make a URL of {}", folder.display()))?;
    Ok(format!("sqlite://{}?mode=rwc", path.path()))
}

/// Microseconds since 1970 UTC, the time unit of every table.
pub fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A table's time as RFC 3339 text.
pub fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|time| format!("{time:.6}")).unwrap_or_default()
}
