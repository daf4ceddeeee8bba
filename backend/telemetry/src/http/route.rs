//! The template of the route that a request was matched to.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Uri};
use axum::routing::any;
use axum::{Extension, Router};
use tower::Service;

/// A router whose every answer carries the template under which it was reached.
///
/// Of a service that was nested (`Router::nest_service`), axum notes the template where only its own routers can read it:
/// one that is nested in turn makes its whole template of it. So one is asked.
static INNER: LazyLock<Router> =
    LazyLock::new(|| Router::new().route("/{*path}", any(async |template: MatchedPath| Extension(template))));

/// What [`INNER`] adds of its own.
const OWN: &str = "/{*path}";

/// What was found of a request for which axum notes nothing.
#[derive(Clone)]
struct Found(Option<MatchedPath>);

/// Finds the template for [`matched`].
pub(super) fn find(request: &mut Request) {
    let extensions = request.extensions();
    // As nearly always.
    if extensions.get::<MatchedPath>().is_some() || extensions.get::<Found>().is_some() {
        return;
    }
    let found = Found(nested(extensions));
    request.extensions_mut().insert(found);
}

/// The template, such as `/items/{id}`, or `/static/{*path}` for all of a nested service; `None` when no route matched.
pub(super) fn matched(extensions: &Extensions) -> Option<&str> {
    let found = || extensions.get::<Found>()?.0.as_ref();
    extensions.get::<MatchedPath>().or_else(found).map(MatchedPath::as_str)
}

fn nested(extensions: &Extensions) -> Option<MatchedPath> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/path");
    *request.extensions_mut() = extensions.clone();
    let answer = pin!(INNER.clone().call(request));
    // It waits for nothing.
    let Poll::Ready(answer) = Future::poll(answer, &mut Context::from_waker(Waker::noop())) else { return None };
    let mut answer = answer.unwrap_or_else(|error: Infallible| match error {});
    answer.extensions_mut().remove::<MatchedPath>().filter(|template| template.as_str() != OWN)
}
