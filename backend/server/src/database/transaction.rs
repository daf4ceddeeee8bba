//! Transactions whose end is measured on both engines: the driver of PostgreSQL reports `COMMIT` as a statement, that of
//! SQLite does not, and there it is what waits for the disk. (`BEGIN` does nothing yet in SQLite.)

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use belfry_telemetry::database::transaction_took;
use sqlx::{Any, AnyConnection};

use super::{Database, Engine};

/// A transaction that is rolled back unless it is committed.
pub struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    engine: Engine,
}

impl Database {
    /// Begins a transaction on a connection of the pool.
    pub async fn begin(&self) -> sqlx::Result<Transaction> {
        Ok(Transaction { inner: self.pool.begin().await?, engine: self.engine })
    }
}

impl Transaction {
    /// Makes its changes last.
    pub async fn commit(self) -> sqlx::Result<()> {
        measured(self.engine, self.inner.commit()).await
    }

    /// Gives its changes up.
    pub async fn rollback(self) -> sqlx::Result<()> {
        measured(self.engine, self.inner.rollback()).await
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

async fn measured(engine: Engine, ending: impl Future<Output = sqlx::Result<()>>) -> sqlx::Result<()> {
    let started = Instant::now();
    let done = ending.await;
    if engine == Engine::Sqlite {
        transaction_took(started.elapsed());
    }
    done
}
