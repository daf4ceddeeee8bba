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

/// A router whose every response carries the template under which it was reached.
///
/// For a service that was nested with `Router::nest_service`, axum stores the template where only its own routers can read
/// it. So a request is sent through such a router, which returns the whole template.
static INNER: LazyLock<Router> =
    LazyLock::new(|| Router::new().route("/{*path}", any(async |template: MatchedPath| Extension(template))));

/// What [`INNER`] adds of its own.
const INNER_TEMPLATE: &str = "/{*path}";

/// The template of a request for which axum stores none.
#[derive(Clone)]
struct NestedTemplate(Option<MatchedPath>);

/// Finds the template for [`matched_template`].
pub(super) fn find_template(request: &mut Request) {
    let extensions = request.extensions();
    // Nearly always.
    if extensions.get::<MatchedPath>().is_some() || extensions.get::<NestedTemplate>().is_some() {
        return;
    }
    let found = NestedTemplate(nested(extensions));
    request.extensions_mut().insert(found);
}

/// The template, such as `/items/{id}`, or `/static/{*path}` for all of a nested service; `None` when no route matched.
pub(super) fn matched_template(extensions: &Extensions) -> Option<&str> {
    let found = || extensions.get::<NestedTemplate>()?.0.as_ref();
    extensions.get::<MatchedPath>().or_else(found).map(MatchedPath::as_str)
}

fn nested(extensions: &Extensions) -> Option<MatchedPath> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/path");
    *request.extensions_mut() = extensions.clone();
    let answer = pin!(INNER.clone().call(request));
    // It waits for nothing, so one poll is enough.
    let Poll::Ready(answer) = Future::poll(answer, &mut Context::from_waker(Waker::noop())) else { return None };
    let mut answer = answer.unwrap_or_else(|error: Infallible| match error {});
    answer.extensions_mut().remove::<MatchedPath>().filter(|template| template.as_str() != INNER_TEMPLATE)
}
