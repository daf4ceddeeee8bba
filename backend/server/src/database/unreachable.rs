//! Why a database cannot be opened, in one line: where it is and what happened there. Never its password.

use std::io;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, Connection, Executor};

use super::{Engine, SQLITE_SETTINGS, bounds};
use crate::error::chain;

/// The pool's error, as it is to be read. `url`: the database's. `timeout`: how long the pool has tried.
///
/// The pool tries again while the connection is refused or the database says that it is starting, and in the end knows only
/// that time is up: so one more connection is attempted, for as long, to learn the cause.
pub(super) async fn explain(
    error: sqlx::Error,
    engine: Engine,
    url: &str,
    options: &AnyConnectOptions,
    timeout: Duration,
) -> anyhow::Error {
    let error = match error {
        sqlx::Error::PoolTimedOut => {
            let attempted = tokio::time::timeout(timeout, attempt(engine, options)).await;
            match attempted.unwrap_or_else(|_| Err(bounds::timeout_error(timeout))) {
                Ok(()) => sqlx::Error::PoolTimedOut,
                Err(error) => error,
            }
        }
        error => error,
    };
    match engine {
        Engine::Sqlite => anyhow::anyhow!("cannot open the database: {}", cause_of(&error)),
        Engine::Postgres => anyhow::anyhow!("cannot open the database at {}: {}", place_of(url), cause_of(&error)),
    }
}

async fn attempt(engine: Engine, options: &AnyConnectOptions) -> sqlx::Result<()> {
    let mut connection = AnyConnection::connect_with(options).await?;
    if engine == Engine::Sqlite {
        connection.execute(SQLITE_SETTINGS).await?;
    }
    connection.close().await
}

fn cause_of(error: &sqlx::Error) -> String {
    let cause = match error {
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "connection refused: nothing listens there".to_owned()
        }
        // The standard library has no kind for it.
        sqlx::Error::Io(error) if error.to_string().contains("lookup address") => {
            format!("the host's name does not resolve ({error})")
        }
        sqlx::Error::Io(error) => error.to_string(),
        // Such as a wrong password, or a database that is not there.
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "connecting takes longer than DATABASE__ACQUIRE_TIMEOUT".to_owned(),
        other => chain(other),
    };
    cause.replace('\n', " ")
}

/// The host and port of PostgreSQL, or the folder of its socket; and the database's name.
fn place_of(url: &str) -> String {
    let Ok(options) = url.parse::<PgConnectOptions>() else { return "DATABASE__URL".to_owned() };
    let place = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    options.get_database().map_or(place.clone(), |name| format!("{place}, database {name}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::super::Database;
    use super::*;
    use crate::config::Config;

    /// What is said of the database of this URL, in which `hunter2` is the password.
    async fn said_of(url: &str) -> String {
        let variables = [("DATABASE__URL", url), ("DATABASE__ACQUIRE_TIMEOUT", "300ms")];
        let config = Config::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        let began = Instant::now();
        let said = format!("{:#}", Database::connect(&config).await.err().expect("no such database"));
        assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
        assert!(!said.contains("hunter2") && said.lines().count() == 1, "{said}");
        said
    }

    #[tokio::test]
    async fn an_unreachable_database_says_why() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It listens, and never answers.
        let said = said_of(&format!("postgres://u:hunter2@{address}/shop")).await;
        assert_eq!(said, format!("cannot open the database at {address}, database shop: no answer within 0.3 s"));
        drop(listener);
        let said = said_of(&format!("postgres://u:hunter2@{address}/shop")).await;
        let expected =
            format!("cannot open the database at {address}, database shop: connection refused: nothing listens there");
        assert_eq!(said, expected);
        // No name has an empty part, so nobody is asked for this one.
        let said = said_of("postgres://u:hunter2@a..b/shop").await;
        assert!(
            said.starts_with("cannot open the database at a..b:5432, database shop: the host's name does not"),
            "{said}"
        );
        let said = said_of("postgres://u:hunter2@%2Fnowhere/shop").await;
        assert!(said.starts_with("cannot open the database at /nowhere, database shop: "), "{said}");
    }

    #[tokio::test]
    async fn a_database_that_refuses_says_why() {
        let Ok(url) = std::env::var("BELFRY_TEST_DATABASE_URL") else { return };
        let mut url: url::Url = url.parse().unwrap();
        url.set_path("/no_such_database");
        let said = said_of(url.as_str()).await;
        assert!(said.contains("no_such_database: database \"no_such_database\" does not exist"), "{said}");
        url.set_query(Some("sslmode=require"));
        assert!(said_of(url.as_str()).await.contains("does not support TLS"));
        url.set_query(None);
        url.set_username("nobody").unwrap();
        url.set_password(Some("hunter2")).unwrap();
        let said = said_of(url.as_str()).await;
        assert!(said.contains("\"nobody\""), "{said}");
    }
}
