//! `GET /metrics`: the page of metrics, with a bearer token when one is set.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;
use subtle::ConstantTimeEq;

use crate::recorder::Page;
use crate::settings::{self, Secret};

/// Where the page is served.
pub(crate) const PATH: &str = "/metrics";

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics for Prometheus.
#[derive(Args, Clone, Debug)]
pub struct PrometheusSettings {
    /// Whether metrics are recorded and served. Off, `/metrics` answers 404 and an emit costs one atomic load.
    #[arg(id = "PROMETHEUS__ENABLED", default_value = "true", value_parser = settings::switch, action = clap::ArgAction::Set)]
    pub enabled: bool,
    /// When set, `/metrics` asks for it as `Authorization: Bearer <token>`.
    #[arg(id = "PROMETHEUS__BEARER_TOKEN", default_value = "", value_parser = settings::secret, hide_default_value = true)]
    pub bearer_token: Secret,
    /// Where Prometheus can be asked whether it still scrapes this process, such as http://prometheus:9090; unset: not asked.
    #[arg(id = "PROMETHEUS__URL", value_parser = settings::http_url)]
    pub url: Option<url::Url>,
    /// The `job` label under which Prometheus scrapes this service.
    #[arg(id = "PROMETHEUS__JOB", default_value = "backend", value_parser = job_label)]
    pub job: String,
}

/// It stands in a query, so it keeps to what needs no quoting.
fn job_label(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    if text.chars().all(plain) { Ok(text.to_owned()) } else { Err("letters, digits and _ - . / :".to_owned()) }
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(
    page: Option<&'static Page>,
    settings: &PrometheusSettings,
) -> Router<S> {
    let Some(page) = page else { return Router::new() };
    Router::new().route(PATH, get(show).with_state((page, settings.bearer_token.clone())))
}

async fn show(State((page, token)): State<(&'static Page, Secret)>, headers: HeaderMap) -> Response {
    if !token.is_empty() && !carries(&headers, &token) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    // Rendering takes microseconds a series; a request must not wait behind it.
    match tokio::task::spawn_blocking(|| page.render()).await {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn carries(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.is_some_and(|given| given.as_bytes().ct_eq(token.expose().as_bytes()).into())
}
