//! The viewer: pages that show the dashboards in a browser, and what those pages ask this server for.
//!
//! - `pages.rs`: the page and its files, which `build.rs` embeds (`embedded.rs`, `document.rs`)
//! - `dashboards/`: the dashboards' JSON
//! - `about.rs`: what a page must know of this server; `GET /`
//! - `query/`: the query proxy
//!
//! The source of the pages is in `viewer/` at the root of the project.

mod about;
mod dashboards;
mod document;
mod embedded;
mod pages;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::Response;

use self::about::About;
use self::dashboards::Dashboards;
use self::query::QueryProxy;
use crate::buffered_body::BodyBudget;
use crate::config::Config;
use crate::cross_site::{SitePolicy, refuse_pages_of_other_sites};
use crate::error::Result;
use crate::routes::{Listed, Routes, get};

/// What the viewer's routes share.
pub struct Viewer {
    about: About,
    dashboards: Dashboards,
    queries: QueryProxy,
}

impl Viewer {
    /// The viewer with these settings.
    ///
    /// # Errors
    /// A client for the sources that cannot be built.
    pub fn new(config: &Config, body_budget: BodyBudget) -> anyhow::Result<Arc<Self>> {
        let queries = QueryProxy::new(config, body_budget)?;
        Ok(Arc::new(Self {
            about: About::new(config, queries.sources()),
            dashboards: Dashboards::new(config.viewer.dashboards_dir.as_deref()),
            queries,
        }))
    }
}

/// The routes of the viewer.
pub fn router<S: Clone + Send + Sync + 'static>(viewer: Arc<Viewer>, sites: Arc<SitePolicy>) -> Router<S> {
    let refuse = from_fn_with_state(sites, refuse_pages_of_other_sites);
    let queries = query_routes().map(|router| router.route_layer(refuse));
    pages().merge(queries).into_router().with_state(viewer)
}

/// What is registered there.
pub fn listed() -> Vec<Listed> {
    pages().merge(query_routes()).listed().to_vec()
}

fn pages() -> Routes<Arc<Viewer>> {
    Routes::new()
        .route("/", get(home))
        .route("/dashboards", get(pages::shell))
        .route("/dashboards/{uid}", get(pages::dashboard_shell))
        .route("/d/{uid}", get(pages::at_grafanas_address))
        .route("/d/{uid}/{slug}", get(pages::at_grafanas_address))
        .route("/targets", get(pages::shell))
        .route("/rules", get(pages::shell))
        .route("/alerts", get(pages::shell))
        .route("/runbook", get(pages::shell))
        .route("/viewer/{name}", get(pages::file))
        .route("/api/v1/viewer", get(about))
        .route("/api/v1/dashboards", get(list_dashboards))
        .route("/api/v1/dashboards/{uid}", get(show_dashboard))
}

fn query_routes() -> Routes<Arc<Viewer>> {
    // One route for all paths of all sources: each route has series of its own, and the path is checked as it was sent.
    Routes::new().route("/api/v1/query/{*path}", get(run_query).post(run_query))
}

async fn home(State(viewer): State<Arc<Viewer>>, headers: HeaderMap) -> Response {
    about::home(&viewer.about, &viewer.dashboards, &headers).await
}

async fn about(State(viewer): State<Arc<Viewer>>) -> Response {
    viewer.about.show()
}

async fn list_dashboards(State(viewer): State<Arc<Viewer>>) -> Response {
    viewer.dashboards.list().await
}

async fn show_dashboard(
    State(viewer): State<Arc<Viewer>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    viewer.dashboards.show(&uid, &headers).await
}

async fn run_query(State(viewer): State<Arc<Viewer>>, request: axum::extract::Request) -> Result<Response> {
    viewer.queries.run(request).await
}
