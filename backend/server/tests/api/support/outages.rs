//! How an outage shows, and how its end does.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;

use crate::api::support::server::Server;
use crate::api::support::uploads::{TABLE, sha256, upload};

/// Within this time an outage of the database must show, as docs/operations.md says.
pub const BOUND: Duration = Duration::from_secs(3);

/// Asserts that everything works again, soon, and that nothing was lost.
pub async fn assert_all_is_well(server: &Server, dataset: &Value) {
    let back = Instant::now();
    server.await_status("/readyz", StatusCode::OK).await;
    assert!(back.elapsed() < Duration::from_secs(10), "it took {:?} to be ready again", back.elapsed());
    let id = dataset["id"].as_str().unwrap();
    let content = server.get(&format!("/api/v1/datasets/{id}/content")).await;
    assert_eq!(sha256(&content.bytes().await.unwrap()), dataset["sha256"].as_str().unwrap());
    upload(server, "", TABLE).await;
}
