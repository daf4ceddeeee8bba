//! The drill's own HTTP server, one for each stack: it takes Alertmanager's notifications, shows Prometheus the replayed series,
//! and stands for other services that fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::replay::Replay;

/// The version of the webhook's payload, as Alertmanager has it since 0.6.
const WEBHOOK_VERSION: &str = "4";

/// An alert in a notification.
#[derive(Clone, Debug, Deserialize)]
pub struct Delivered {
    /// `firing` or `resolved`.
    pub status: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations, templates filled in.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The receiver to which it was routed.
    #[serde(skip)]
    pub receiver: String,
    /// When it arrived.
    #[serde(skip, default = "Instant::now")]
    pub at: Instant,
}

#[derive(Deserialize)]
struct Notification {
    version: String,
    alerts: Vec<Delivered>,
}

/// What the server has got and what it shows.
#[derive(Default)]
struct Shared {
    delivered: Vec<Delivered>,
    invalid: Option<String>,
    replay: Option<Replay>,
    // How the service that fails answers.
    failure: Option<(StatusCode, std::time::Duration)>,
}

/// The server; stopped when dropped.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Starts the server on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", super::programs::free_port()?)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::default();
        let router = Router::new()
            .route("/receivers/{name}", post(take_notification))
            .route("/metrics", get(show_series))
            .fallback(fail)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // Ends by being aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// What has arrived so far; an error if a notification was not one.
    pub fn delivered(&self) -> anyhow::Result<Vec<Delivered>> {
        let shared = lock(&self.shared);
        match &shared.invalid {
            Some(found) => {
                anyhow::bail!("Alertmanager sent what is no notification of version {WEBHOOK_VERSION}: {found}")
            }
            None => Ok(shared.delivered.clone()),
        }
    }

    /// Shows these series from now on, or none.
    pub fn show(&self, replay: Option<Replay>) {
        lock(&self.shared).replay = replay;
    }

    /// Has the service that fails, at every other path, answer with this status after this time, or with 200 at once.
    pub fn fail_with(&self, failure: Option<(StatusCode, std::time::Duration)>) {
        lock(&self.shared).failure = failure;
    }

    /// A URL of this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take_notification(
    State(shared): State<Arc<Mutex<Shared>>>,
    Path(receiver): Path<String>,
    body: String,
) -> StatusCode {
    let mut shared = lock(&shared);
    match read(&body) {
        Ok(notification) => {
            shared.delivered.extend(notification.alerts.into_iter().map(|mut alert| {
                alert.receiver.clone_from(&receiver);
                alert
            }));
            StatusCode::OK
        }
        Err(error) => {
            shared.invalid = Some(format!("{error:#}"));
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}

fn read(body: &str) -> anyhow::Result<Notification> {
    let notification: Notification = serde_json::from_str(body).context("not its JSON")?;
    anyhow::ensure!(notification.version == WEBHOOK_VERSION, "found version {}", notification.version);
    Ok(notification)
}

async fn show_series(State(shared): State<Arc<Mutex<Shared>>>) -> Response {
    let page = lock(&shared).replay.as_ref().map(Replay::page).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response()
}

async fn fail(State(shared): State<Arc<Mutex<Shared>>>) -> StatusCode {
    let failure = lock(&shared).failure;
    let Some((status, after)) = failure else { return StatusCode::OK };
    tokio::time::sleep(after).await;
    status
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
