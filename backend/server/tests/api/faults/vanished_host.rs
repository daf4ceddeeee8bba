//! The host of the database vanishes and another one takes its place: connections to the first are neither answered nor
//! closed, ever.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use sqlx::{Connection, Executor};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::api::support::outages::{BOUND, assert_all_is_well};
use crate::api::support::postgres::Postgres;
use crate::api::support::server::{Server, problem};
use crate::api::support::uploads::{TABLE, upload};

/// What stands between the server and its database. Each connection is passed on until the host it was made to is gone.
struct Host {
    url: String,
    /// Which host is there now; none: nobody answers.
    present: watch::Sender<Option<u32>>,
}

impl Host {
    async fn before(postgres: &Postgres) -> Self {
        let mut url: url::Url = postgres.url.parse().unwrap();
        let target = format!("127.0.0.1:{}", url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (present, seen) = watch::channel(Some(1));
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let mut seen = seen.clone();
                let Some(host) = *seen.borrow() else {
                    // As a packet that is never answered.
                    kept.push(from);
                    continue;
                };
                let target = target.clone();
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(target).await.unwrap();
                    let gone = async { drop(seen.wait_for(|present| *present != Some(host)).await) };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        // Both ends stay open.
                        () = gone => std::future::pending().await,
                    }
                });
            }
        });
        Self { url: url.to_string(), present }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_vanished_host_are_replaced() {
    let Some(postgres) = Postgres::start() else { return };
    let host = Host::before(&postgres).await;
    let server = Server::start_with(&[("DATABASE__URL", &host.url), ("DATABASE__MAX_CONNECTIONS", "4")]).await;
    let dataset = upload(&server, "", TABLE).await;
    server.await_status("/readyz", StatusCode::OK).await;
    // Each of the pool's connections is in the middle of a question, which waits for this lock.
    let mut other = sqlx::PgConnection::connect(&postgres.url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE datasets").await.unwrap();
    let reads = (0..16).map(|_| async {
        let asked = Instant::now();
        (server.get("/api/v1/datasets").await, asked.elapsed())
    });
    let vanishing = async {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        host.present.send_replace(None);
    };
    let (answers, ()) = tokio::join!(futures::future::join_all(reads), vanishing);
    for (answer, took) in answers {
        problem(answer, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
        assert!(took < BOUND + Duration::from_millis(500), "it took {took:?}");
    }
    other.execute("ROLLBACK").await.unwrap();
    // Longer than anything waits.
    tokio::time::sleep(Duration::from_secs(12)).await;
    host.present.send_replace(Some(2));
    assert_all_is_well(&server, &dataset).await;
}
