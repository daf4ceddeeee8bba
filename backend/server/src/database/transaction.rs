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

#[cfg(test)]
mod tests {
    use crate::database::{Database, Engine, Transaction, testing};
    use crate::error::Error;

    async fn run(transaction: &mut Transaction, sql: &'static str) -> sqlx::Result<u64> {
        Ok(sqlx::query(sql).execute(&mut **transaction).await?.rows_affected())
    }

    async fn begun(databases: &[Database; 2]) -> (Transaction, Transaction) {
        (databases[0].begin().await.unwrap(), databases[1].begin().await.unwrap())
    }

    /// SQLite has one writer, and its `SQLITE_BUSY` is tested where it occurs.
    #[tokio::test]
    async fn what_postgresql_undoes_for_others_may_be_tried_again() {
        const FIRST: &str = "UPDATE two_rows SET n = n + 1 WHERE id = 1";
        const SECOND: &str = "UPDATE two_rows SET n = n + 1 WHERE id = 2";
        let folder = tempfile::tempdir().unwrap();
        let databases = testing::fresh_for_two(folder.path()).await;
        if databases[0].engine == Engine::Sqlite {
            return;
        }
        for sql in ["CREATE TABLE two_rows (id BIGINT, n BIGINT)", "INSERT INTO two_rows VALUES (1, 0), (2, 0)"] {
            sqlx::query(sql).execute(&databases[0].pool).await.unwrap();
        }
        let (mut one, mut other) = begun(&databases).await;
        run(&mut one, FIRST).await.unwrap();
        run(&mut other, SECOND).await.unwrap();
        let deadlock = match tokio::join!(run(&mut one, SECOND), run(&mut other, FIRST)) {
            (Err(error), Ok(1)) | (Ok(1), Err(error)) => error,
            ends => panic!("one of them is ended: {ends:?}"),
        };
        one.rollback().await.unwrap();
        other.rollback().await.unwrap();
        let (mut reader, mut writer) = begun(&databases).await;
        run(&mut reader, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        run(&mut reader, "SELECT n FROM two_rows").await.unwrap();
        run(&mut writer, FIRST).await.unwrap();
        let mut impatient = databases[0].begin().await.unwrap();
        let locked = run(&mut impatient, "SELECT n FROM two_rows WHERE id = 1 FOR UPDATE NOWAIT").await.unwrap_err();
        writer.commit().await.unwrap();
        let outdated = run(&mut reader, FIRST).await.unwrap_err();
        for (error, code) in [(deadlock, "40P01"), (outdated, "40001"), (locked, "55P03")] {
            assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some(code), "{error}");
            let error = Error::Database(error);
            assert!(error.is_transient() && error.is_definitely_not_applied(), "{code}");
            assert_eq!(error.code(), "database_unavailable");
        }
    }
}
