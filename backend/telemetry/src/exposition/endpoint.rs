//! `GET /metrics`: its settings, its bearer token, and the page as a body, in one piece or as a stream.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt;
use serde_json::json;
use tower::Service;

use super::Page;
use super::negotiation::Format;
use super::renderer::NotRendered;
use super::rendering::Rendering;
use crate::settings::{self, Secret};

/// Where the page is served.
pub(crate) const PATH: &str = "/metrics";

/// Metrics for Prometheus.
///
/// ```
/// use belfry_telemetry::{PrometheusSettings, settings};
///
/// let variables = [("PROMETHEUS__BEARER_TOKEN".to_owned(), "s3cret".to_owned())];
/// let settings: PrometheusSettings = settings::read(variables)?;
/// assert!(settings.enabled && settings.bearer_token.expose() == "s3cret");
/// # Ok::<(), settings::SettingsError>(())
/// ```
#[derive(Args, Clone, Debug)]
pub struct PrometheusSettings {
    /// Whether metrics are recorded and served. Off, `/metrics` answers 404 and an emit costs one atomic load.
    #[arg(id = "PROMETHEUS__ENABLED", default_value = "true", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// When set, `/metrics` asks for it as `Authorization: Bearer <token>`.
    #[arg(id = "PROMETHEUS__BEARER_TOKEN", default_value = "", value_parser = settings::header_token, hide_default_value = true)]
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

/// More is no name.
const MAX_JOB_CHARACTERS: usize = 128;

/// It is part of a query, so it may have only characters that need no quoting.
fn job_label(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    let usable = text.len() <= MAX_JOB_CHARACTERS && text.chars().all(plain);
    if usable { Ok(text.to_owned()) } else { Err("letters, digits and _ - . / :, 128 at most".to_owned()) }
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
    if !token.is_empty() && !token.is_bearer_token_of(&headers) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    let format = Format::preferred(&headers, page.has_native_histograms());
    match page.renderer.begin(format).await {
        Ok((chunk, rendering)) => {
            ([(header::CONTENT_TYPE, format.content_type())], body(page, chunk, rendering)).into_response()
        }
        Err(NotRendered::Busy) => busy(),
        Err(NotRendered::Failed) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The response while too many long pages are being read.
fn busy() -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": "busy",
        "detail": "too many clients read the page of metrics at the same time",
    });
    let headers = [(header::RETRY_AFTER, "1"), (header::CONTENT_TYPE, "application/problem+json")];
    (status, headers, problem.to_string()).into_response()
}

/// A page that is short, as most are, is sent with its length; a long one as it is rendered, when the scraper has read
/// what was rendered before.
fn body(page: &'static Page, first: Bytes, rendering: Rendering) -> Body {
    if rendering.is_finished() {
        return Body::from(first);
    }
    let rest = futures::stream::try_unfold(rendering, move |rendering| async move {
        if rendering.is_finished() {
            return Ok(None);
        }
        let next = page.renderer.next_chunk(rendering).await;
        // An error, which ends the connection: a page that is cut off must not be taken for a whole one.
        next.map(Some).ok_or_else(|| io::Error::other("the page could not be rendered"))
    });
    Body::from_stream(futures::stream::once(std::future::ready(Ok(first))).chain(rest))
}
