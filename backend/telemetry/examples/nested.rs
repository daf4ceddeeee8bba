//! A service of another team, as services grow: nested routers with state, a fallback, a WebSocket, a streaming body, a handler
//! that panics, checks of its health and metrics of its own. `tests/nested.rs` asks it over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use belfry_telemetry::metric::{InProgress, OneOf};
use belfry_telemetry::{Telemetry, catalogue, health, shutdown_signal};
use futures::{StreamExt, stream};

catalogue! {
    /// Books that were to be lent, by how that ended.
    counter LOANS_TOTAL = "library_loans_total" { outcome: OneOf(&["lent", "unknown"]) };
    /// Books on the shelves.
    gauge BOOKS = "library_books" {};
    /// Pages of a book that was lent.
    histogram LOAN_PAGES = "library_loan_pages" {} buckets &[10.0, 100.0, 1_000.0];
    /// Readers that are connected by WebSocket.
    gauge READERS_CONNECTED = "library_readers_connected" {};
}

/// What all handlers share: the pages of each book on the shelves.
#[derive(Clone)]
struct Library {
    pages: Arc<RwLock<BTreeMap<String, u32>>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let telemetry = Telemetry::from_env("library", env!("CARGO_PKG_VERSION"), ROWS)?;
    let library = Library { pages: Arc::default() };
    library.add("dune", 412);
    library.add("emma", 474);
    let listener =
        tokio::net::TcpListener::bind(std::env::var("ADDRESS").as_deref().unwrap_or("127.0.0.1:8080")).await?;
    // Around everything, so that nested routes and the fallback are measured as well.
    let router = telemetry.observe(router(library));
    Ok(axum::serve(listener, router).with_graceful_shutdown(shutdown_signal()).await?)
}

fn router(library: Library) -> Router {
    let books = Router::new()
        .route("/", get(list))
        .route("/{title}", get(pages).put(shelve))
        .route("/{title}/loans", post(lend))
        .route("/{title}/text", get(text));
    let api = Router::new()
        .nest("/books", books)
        .route("/readers", get(connect))
        .route("/panic", get(panics))
        // A nested router may have a fallback of its own.
        .fallback(async || (StatusCode::NOT_FOUND, Json("not in this version")));
    Router::new()
        .nest("/api/{version}", api)
        .merge(health::router(checks(&library)))
        .fallback(async |uri: Uri| (StatusCode::NOT_FOUND, format!("{} is not here", uri.path())))
        .with_state(library)
}

/// `/readyz` is 503 while there is no book; a closed reading room is only reported.
fn checks(library: &Library) -> health::Checks {
    let library = library.clone();
    let shelves = move || {
        let books = library.count();
        async move { if books > 0 { Ok(format!("{books} books")) } else { Err("the shelves are empty".to_owned()) } }
    };
    health::Checks::default()
        .required("shelves", Duration::from_secs(1), shelves)
        .optional("reading_room", Duration::from_secs(1), async || Err("closed on this day".to_owned()))
        .disabled("mail", "MAIL__ENABLED is false")
}

impl Library {
    fn add(&self, title: &str, pages: u32) {
        let mut shelves = self.pages.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        shelves.insert(title.to_owned(), pages);
        BOOKS.with(()).set(shelves.len() as f64);
    }

    fn pages(&self, title: &str) -> Option<u32> {
        self.pages.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(title).copied()
    }

    fn count(&self) -> usize {
        self.pages.read().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }
}

async fn list(State(library): State<Library>) -> Json<usize> {
    Json(library.count())
}

async fn pages(State(library): State<Library>, Path((_, title)): Path<(String, String)>) -> Response {
    library.pages(&title).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |pages| Json(pages).into_response())
}

async fn shelve(
    State(library): State<Library>,
    Path((_, title)): Path<(String, String)>,
    Json(pages): Json<u32>,
) -> StatusCode {
    library.add(&title, pages);
    StatusCode::CREATED
}

async fn lend(State(library): State<Library>, Path((_, title)): Path<(String, String)>) -> StatusCode {
    let Some(pages) = library.pages(&title) else {
        LOANS_TOTAL.with("unknown").increment(1);
        return StatusCode::NOT_FOUND;
    };
    LOANS_TOTAL.with("lent").increment(1);
    LOAN_PAGES.with(()).record(f64::from(pages));
    tracing::info!(title, pages, "book lent");
    StatusCode::NO_CONTENT
}

/// A body that is sent page by page; the duration of the request ends with its last byte.
async fn text(State(library): State<Library>, Path((_, title)): Path<(String, String)>) -> Response {
    let Some(pages) = library.pages(&title) else { return StatusCode::NOT_FOUND.into_response() };
    let pages =
        stream::iter(1..=pages).then(async |page| Ok::<_, std::convert::Infallible>(format!("page {page:4}\n")));
    Body::from_stream(pages).into_response()
}

/// A WebSocket: its request ends with the 101, so a gauge of its own counts who is connected.
async fn connect(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(read_aloud)
}

async fn read_aloud(mut socket: WebSocket) {
    let _connected = InProgress::enter(READERS_CONNECTED.with(()));
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(title) = message {
            let _ = socket.send(Message::Text(format!("reading {title}").into())).await;
        }
    }
}

#[expect(clippy::panic, reason = "shows that a panic is a 500 and an error in the log")]
async fn panics() {
    panic!("the shelf broke")
}
