//! `GET /metrics`: its settings, its bearer token, and the page as a body, in one piece or as a stream.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use futures::StreamExt;
use subtle::ConstantTimeEq;
use tower::Service;

use super::Page;
use super::negotiation::Format;
use super::rendering::Rendering;
use crate::settings::{self, Secret};

/// Where the page is served.
pub(crate) const PATH: &str = "/metrics";

/// Metrics for Prometheus.
#[derive(Args, Clone, Debug)]
pub struct PrometheusSettings {
    /// Whether metrics are recorded and served. Off, `/metrics` answers 404 and an emit costs one atomic load.
    #[arg(id = "PROMETHEUS__ENABLED", default_value = "true", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// When set, `/metrics` asks for it as `Authorization: Bearer <token>`.
    #[arg(id = "PROMETHEUS__BEARER_TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub bearer_token: Secret,
    /// Whether a scraper that asks for protobuf is given native histograms beside the classic buckets, which everyone else
    /// gets alone.
    #[arg(id = "PROMETHEUS__NATIVE_HISTOGRAMS", default_value = "false", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub native_histograms: bool,
    /// Where Prometheus can be asked whether it still scrapes this process, such as http://prometheus:9090; unset: not asked.
    #[arg(id = "PROMETHEUS__URL", value_parser = settings::http_url)]
    pub url: Option<url::Url>,
    /// The `job` label under which Prometheus scrapes this service.
    #[arg(id = "PROMETHEUS__JOB", default_value = "backend", value_parser = job_label)]
    pub job: String,
}

/// It is part of a query, so it may have only characters that need no quoting.
fn job_label(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    if text.chars().all(plain) { Ok(text.to_owned()) } else { Err("letters, digits and _ - . / :".to_owned()) }
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(
    page: Option<&'static Page>,
    settings: &PrometheusSettings,
) -> Router<S> {
    let Some(page) = page else { return Router::new() };
    Router::new().route(PATH, get(serve_page).with_state((page, settings.bearer_token.clone())))
}

/// Whether a router has a route of its own that answers `GET /metrics`; a second one would make axum panic.
///
/// A router does not list its routes, so a request for the page is sent through it, behind a layer that answers before any
/// handler runs.
pub(crate) fn has_metrics_route(router: &Router) -> bool {
    if !router.has_routes() {
        return false;
    }
    let probe = middleware::from_fn(async |request: Request, _: Next| {
        let matched = request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str() == PATH);
        if matched { StatusCode::CONFLICT } else { StatusCode::NOT_FOUND }
    });
    let mut probed = router.clone().fallback(async || StatusCode::NOT_FOUND).route_layer(probe);
    let request = Request::get(PATH).body(Body::empty()).expect("a request for a constant path");
    let answer = pin!(Service::call(&mut probed, request));
    // Nothing in it waits, so one poll is enough.
    let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
    matches!(polled, Poll::Ready(Ok(response)) if response.status() == StatusCode::CONFLICT)
}

async fn serve_page(State((page, token)): State<(&'static Page, Secret)>, headers: HeaderMap) -> Response {
    if !token.is_empty() && !has_token(&headers, &token) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    let format = Format::preferred(&headers, page.has_native_histograms());
    match tokio::task::spawn_blocking(move || first_chunk(page, format)).await {
        Ok((chunk, rendering)) => {
            ([(header::CONTENT_TYPE, format.content_type())], body(page, chunk, rendering)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

// Rendering takes a while with many series, and a request must not wait behind it: both run off the async threads.

fn first_chunk(page: &Page, format: Format) -> (Vec<u8>, Rendering) {
    let mut rendering = page.begin(format);
    (page.next_chunk(&mut rendering), rendering)
}

/// A page that is short, as most are, is sent with its length; a long one as it is rendered, when the scraper has read
/// what was rendered before.
fn body(page: &'static Page, first: Vec<u8>, rendering: Rendering) -> Body {
    if rendering.is_finished() {
        return Body::from(first);
    }
    let rest = futures::stream::try_unfold(rendering, move |mut rendering| async move {
        if rendering.is_finished() {
            return Ok(None);
        }
        let render = move || (page.next_chunk(&mut rendering), rendering);
        // An error, which ends the connection: a page that is cut off must not be taken for a whole one.
        tokio::task::spawn_blocking(render).await.map(Some)
    });
    Body::from_stream(futures::stream::once(std::future::ready(Ok(first))).chain(rest))
}

fn has_token(headers: &HeaderMap, token: &Secret) -> bool {
    let Some(given) = headers.get(header::AUTHORIZATION).and_then(|value| bearer_token(value.to_str().ok()?)) else {
        return false;
    };
    given.as_bytes().ct_eq(token.expose().as_bytes()).into()
}

/// The token in a header's value. The scheme's name is the same in any case, and spaces follow it (RFC 9110, section 11.4).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start_matches(' '))
}
