//! `GET /metrics`: its settings, its bearer token, and which format a scraper gets.

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
use subtle::ConstantTimeEq;
use tower::Service;

use super::Page;
use crate::settings::{self, Secret};

/// Where the page is served.
pub(crate) const PATH: &str = "/metrics";

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

const PROTOBUF_FORMAT: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

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
    let protobuf = prefers_protobuf(&headers);
    // Rendering takes a while with many series; a request must not wait behind it.
    match tokio::task::spawn_blocking(move || render(page, protobuf)).await {
        Ok((format, body)) => ([(header::CONTENT_TYPE, format)], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn render(page: &Page, protobuf: bool) -> (&'static str, Vec<u8>) {
    if protobuf && let Some(body) = page.render_protobuf() {
        return (PROTOBUF_FORMAT, body);
    }
    (TEXT_FORMAT, page.render_text().into_bytes())
}

/// Whether a scraper prefers protobuf to text: Prometheus gives it the highest `q` when it accepts native histograms.
fn prefers_protobuf(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let weighted = accepted.flat_map(|value| value.split(',')).map(|range| {
        let quality = range.split(';').find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0_f32);
        let protobuf = range.trim().starts_with("application/vnd.google.protobuf")
            && range.contains("io.prometheus.client.MetricFamily")
            && range.contains("delimited");
        (quality, protobuf)
    });
    // Among equals, the first.
    let preferred = weighted.reduce(|best, next| if next.0 > best.0 { next } else { best });
    preferred.is_some_and(|(quality, protobuf)| protobuf && quality > 0.0)
}

fn has_token(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.is_some_and(|given| given.as_bytes().ct_eq(token.expose().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_is_for_scrapers_that_prefer_it() {
        let prefers = |accept: &'static str| {
            prefers_protobuf(&HeaderMap::from_iter([(header::ACCEPT, header::HeaderValue::from_static(accept))]))
        };
        // What Prometheus sends with native histograms, without them, and what others send.
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
            application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2";
        assert!(prefers(native));
        let classic = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,\
            application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.3,*/*;q=0.2";
        assert!(!prefers(classic));
        assert!(!prefers("*/*"));
        assert!(!prefers("application/vnd.google.protobuf;proto=another.Message;encoding=delimited"));
        assert!(!prefers_protobuf(&HeaderMap::new()));
    }
}
