//! A lock on the history of jobs, taken from outside of the server.

use sqlx::{AnyConnection, Connection, Executor};

use crate::api::support::server::Server;
use crate::api::support::skipping::on_postgres;

/// Keeps the server from writing to the history of jobs, as a database does that is away; it can read.
pub struct Lock(AnyConnection);

impl Lock {
    pub async fn take(server: &Server) -> Self {
        let mut connection = server.database().await.acquire().await.unwrap().detach();
        if on_postgres() {
            connection.execute("BEGIN").await.unwrap();
            connection.execute("LOCK TABLE job_runs IN EXCLUSIVE MODE").await.unwrap();
        } else {
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
        }
        Self(connection)
    }

    pub async fn release(mut self) {
        self.0.execute("ROLLBACK").await.unwrap();
        self.0.close().await.unwrap();
    }
}
