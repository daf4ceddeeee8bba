//! A stand-in for services that are notified over HTTP: keeps each request whole, and answers as the test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// What a service answers to a path: the status, the type and the text of its body.
pub type Answer = fn(&str) -> (StatusCode, &'static str, &'static str);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Its path, and its query.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Recorded {
    /// A header as text, or the empty string.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// The requests that came so far.
#[derive(Clone)]
pub struct Recorder {
    answer: Answer,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Listens on a free port; returns the recorder and its URL.
    pub async fn start(answer: Answer) -> (Self, String) {
        let recorder = Self { answer, requests: Arc::default() };
        let router = Router::new().fallback(record).with_state(recorder.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let url = crate::stub::serve(router).await;
        (recorder, url)
    }

    /// All requests in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// Those whose path begins so.
    #[must_use]
    pub fn below(&self, path: &str) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.target.starts_with(path)).collect()
    }
}

async fn record(
    State(recorder): State<Recorder>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (status, kind, text) = (recorder.answer)(uri.path());
    recorder.requests.lock().unwrap().push(Recorded { method, target: uri.to_string(), headers, body });
    (status, [("content-type", kind)], text).into_response()
}
