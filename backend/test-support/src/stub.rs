//! Stand-ins for other services: one that answers as told, and one that never answers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::net::TcpListener;

/// A listener that answers every request with one status and keeps what was asked.
#[derive(Clone)]
pub struct StubService {
    status: Arc<Mutex<StatusCode>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request's path, and what it said in `Authorization`.
pub type Asked = (String, Option<String>);

impl StubService {
    /// Listens on a free port; returns the service and its URL.
    pub async fn start(status: StatusCode) -> (Self, String) {
        let service = Self { status: Arc::new(Mutex::new(status)), asked: Arc::default() };
        let router = Router::new().fallback(answer).with_state(service.clone());
        let url = crate::stub::serve(router).await;
        (service, url)
    }

    /// Answers with this status from now on.
    pub fn answer_with(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    /// What was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(service): State<StubService>, request: Request) -> StatusCode {
    let header = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    service.asked.lock().unwrap().push((request.uri().path().to_owned(), header));
    *service.status.lock().unwrap()
}

/// A listener that takes connections and never answers, with its URL. It lives as long as the value.
pub async fn hanging() -> (TcpListener, String) {
    // Connections wait in the listener's queue, established as far as the client can tell.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Serves a router on a free port for as long as the test runs; returns its URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
