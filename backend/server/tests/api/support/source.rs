//! A stand-in for Prometheus, Loki or Alertmanager that answers as it is told, and keeps what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tokio::net::TcpListener;

/// How a source answers.
#[derive(Clone)]
pub enum Reply {
    /// With all of this.
    Whole {
        /// The HTTP status.
        status: u16,
        /// Names and values.
        headers: Vec<(&'static str, String)>,
        /// The body, as it is sent.
        body: Bytes,
    },
    /// Not at all.
    Never,
    /// With JSON that does not end.
    Endless,
    /// With a part of an answer, after which the connection is closed.
    Cut,
}

impl Reply {
    /// JSON with a status.
    pub fn json(status: u16, body: &str) -> Self {
        Self::typed(status, "application/json", body)
    }

    /// A text of this type with a status.
    pub fn typed(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Whole { status, headers, body: body.to_owned().into() }
    }

    /// The same with another header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// The same with another body.
    pub fn with_body(mut self, bytes: Vec<u8>) -> Self {
        if let Self::Whole { body, .. } = &mut self {
            *body = bytes.into();
        }
        self
    }
}

/// What a source was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query as they came.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A source.
#[derive(Clone)]
pub struct Source {
    /// Where it listens.
    pub url: String,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    under_way: Arc<AtomicUsize>,
}

impl Source {
    /// Listens on a free port for as long as the test runs.
    pub async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let source = Self { url, reply: Arc::new(Mutex::new(reply)), asked: Arc::default(), under_way: Arc::default() };
        let router = Router::new().fallback(answer).with_state(source.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        source
    }

    /// Answers so from now on.
    pub fn answer_with(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// What it was asked since this was last called, in order.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// How many requests it has not answered, and nobody has given up.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }
}

/// Counts a request as under way until it is dropped.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the server's health checks ask of their own accord, which is no query of a page.
fn is_health_check(target: &str) -> bool {
    target.contains("app_start_time_seconds") || target.ends_with("/ready")
}

async fn answer(State(source): State<Source>, request: Request) -> Response {
    if is_health_check(&request.uri().to_string()) {
        return ().into_response();
    }
    let _under_way = UnderWay::begin(&source.under_way);
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    source.asked.lock().unwrap().push(Asked {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let reply = source.reply.lock().unwrap().clone();
    let json = [("content-type", "application/json")];
    match reply {
        Reply::Whole { status, headers, body } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                response.headers_mut().append(name, value.parse().unwrap());
            }
            response
        }
        Reply::Never => std::future::pending().await,
        Reply::Endless => {
            let piece = Bytes::from(vec![b' '; 16 * 1024]);
            let pieces = stream::repeat(piece).map(Ok::<_, std::io::Error>);
            (json, Body::from_stream(pieces)).into_response()
        }
        Reply::Cut => {
            let pieces = [Ok(Bytes::from("{\"status\": ")), Err(std::io::Error::other("cut"))];
            (json, Body::from_stream(stream::iter(pieces))).into_response()
        }
    }
}
