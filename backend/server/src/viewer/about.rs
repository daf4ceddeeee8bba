//! `GET /api/v1/viewer`: what a page must know of this server before it draws. `GET /`: the way in, for people and programs.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use strum::VariantNames;
use url::Url;

use super::dashboards::Dashboards;
use super::document::REVALIDATED;
use super::query::Sources;
use crate::config::{Config, SERVICE};
use crate::labels::QuerySource;
use crate::request::Json;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What does not change while the process runs.
pub(super) struct About {
    environment: String,
    metrics_enabled: bool,
    page_facts: Value,
}

impl About {
    /// What these settings say.
    pub fn new(config: &Config, sources: &Sources) -> Self {
        let viewer = &config.viewer;
        let environment = config.app.environment.clone();
        let metrics_enabled = config.telemetry.prometheus.enabled;
        let address = |link: &Option<Url>| link.as_ref().map(|link| link.as_str().trim_end_matches('/').to_owned());
        let page_facts = json!({
            "version": VERSION,
            "service": SERVICE,
            "environment": environment,
            "metrics_enabled": metrics_enabled,
            "scrape_interval_seconds": viewer.scrape_interval.as_secs_f64(),
            "query_deadline_seconds": (viewer.query_wait + viewer.query_timeout).as_secs_f64(),
            "max_query_points": viewer.max_query_points,
            "grafana_url": address(&viewer.grafana_link),
            "prometheus_url": address(&viewer.prometheus_link),
            "alertmanager_url": address(&viewer.alertmanager_link),
            "sources": described(sources),
        });
        Self { environment, metrics_enabled, page_facts }
    }

    /// The response.
    pub fn show(&self) -> Response {
        ([(header::CACHE_CONTROL, REVALIDATED)], Json(&self.page_facts)).into_response()
    }
}

/// Which services can be asked, and what to do about those that cannot.
fn described(sources: &Sources) -> Map<String, Value> {
    let described = QuerySource::VARIANTS.iter().filter_map(|name| {
        let source: QuerySource = name.parse().ok()?;
        let facts = json!({ "configured": sources.is_configured(source), "hint": sources.hint(source) });
        Some(((*name).to_owned(), facts))
    });
    described.collect()
}

/// `GET /`: a browser is led to the first dashboard, and a program is told where things are.
pub(super) async fn home(about: &About, dashboards: &Dashboards, headers: &HeaderMap) -> Response {
    let vary = (header::VARY, "accept".to_owned());
    if is_browser(headers) {
        let page = dashboards.home_page().await;
        return (StatusCode::FOUND, [vary, (header::LOCATION, page)]).into_response();
    }
    let body = json!({
        "service": SERVICE,
        "version": VERSION,
        "environment": about.environment,
        "links": {
            "dashboards": "/dashboards",
            "targets": "/targets",
            "rules": "/rules",
            "alerts": "/alerts",
            "runbook": "/runbook",
            "health": "/health",
            "metrics": about.metrics_enabled.then_some("/metrics"),
            "datasets": "/api/v1/datasets",
            "runs": "/api/v1/runs",
            "jobs": "/jobs",
        },
    });
    ([vary], Json(body)).into_response()
}

/// Whether a page is asked for: browsers name HTML, and programs take anything, or JSON.
fn is_browser(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let kind = item.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_name_html_and_programs_do_not() {
        let is_browser = |accept: &str| is_browser(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert!(is_browser("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        for accept in ["*/*", "application/json", "application/json, text/plain, */*", "text/htmlx"] {
            assert!(!is_browser(accept), "{accept}");
        }
        assert!(!super::is_browser(&HeaderMap::new()));
    }
}
