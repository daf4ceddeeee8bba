//! `VIEWER__*`: the pages that show the dashboards, whom they may ask, and what their queries may cost.

use std::path::PathBuf;
use std::time::Duration;

use belfry_telemetry::settings::{self, between, bytes_between, duration_between};
use clap::{ArgAction, Args};
use url::Url;

/// `VIEWER__*`
#[derive(Args, Clone, Debug)]
pub struct ViewerConfig {
    /// Whether the pages that show the dashboards are served, and the query proxy behind them. Whoever reaches this server can
    /// read through it what Prometheus, Loki and Alertmanager have.
    #[arg(id = "VIEWER__ENABLED", default_value = "true", value_parser = settings::switch, action = ArgAction::Set)]
    pub enabled: bool,
    /// Folder whose dashboards (`*.json`) are shown in place of those in the program; unset: those in the program.
    #[arg(id = "VIEWER__DASHBOARDS_DIR")]
    pub dashboards_dir: Option<PathBuf>,
    /// How often Prometheus scrapes, as in its configuration: the pages compute the window of rates from it.
    #[arg(id = "VIEWER__SCRAPE_INTERVAL", default_value = "15s", value_parser = duration_between("1s", "1h"))]
    pub scrape_interval: Duration,
    /// Where Loki is queried; unset: at LOKI__URL where LOKI__ENABLED is true. LOKI__TENANT and LOKI__BEARER_TOKEN are sent.
    #[arg(id = "VIEWER__LOKI_URL", value_parser = settings::http_url)]
    pub loki_url: Option<Url>,
    /// Where Alertmanager is asked, and told by the Telegram bot to silence alerts; unset: not asked. Prometheus is asked at
    /// PROMETHEUS__URL.
    #[arg(id = "VIEWER__ALERTMANAGER_URL", value_parser = settings::http_url)]
    pub alertmanager_url: Option<Url>,
    /// Grafana's address for a browser, to which the pages then link; unset: no links.
    #[arg(id = "VIEWER__GRAFANA_LINK", value_parser = link)]
    pub grafana_link: Option<Url>,
    /// The same of Prometheus.
    #[arg(id = "VIEWER__PROMETHEUS_LINK", value_parser = link)]
    pub prometheus_link: Option<Url>,
    /// The same of Alertmanager.
    #[arg(id = "VIEWER__ALERTMANAGER_LINK", value_parser = link)]
    pub alertmanager_link: Option<Url>,
    /// The longest time range of one query; a longer one is answered 422. A range within an expression, as `[1y]`, is bounded by
    /// `VIEWER__QUERY_TIMEOUT` and by the source's own limits.
    #[arg(id = "VIEWER__MAX_QUERY_RANGE", default_value = "92d", value_parser = duration_between("1m", "3650d"))]
    pub max_query_range: Duration,
    /// The most steps of one query, and so points of each of its series; Prometheus itself refuses more than 11000.
    #[arg(id = "VIEWER__MAX_QUERY_POINTS", default_value = "11000", value_parser = between(10_u32, 11_000))]
    pub max_query_points: u32,
    /// The longest text of one query: its expression and selectors together.
    #[arg(id = "VIEWER__MAX_QUERY_BYTES", default_value = "16KiB", value_parser = bytes_between("256B", "1MiB"))]
    pub max_query_bytes: u64,
    /// The largest answer to one query, before compression; a larger one is answered 502.
    #[arg(id = "VIEWER__MAX_ANSWER_BYTES", default_value = "8MiB", value_parser = bytes_between("1KiB", "1GiB"))]
    pub max_answer_bytes: u64,
    /// How long one query may take once it is its turn.
    #[arg(id = "VIEWER__QUERY_TIMEOUT", default_value = "30s", value_parser = duration_between("100ms", "10m"))]
    pub query_timeout: Duration,
    /// Queries at the same time. So many times VIEWER__MAX_ANSWER_BYTES is the memory for all answers above 64 KiB, those that
    /// clients have not taken yet among them; beyond it queries are answered 503 with Retry-After.
    #[arg(id = "VIEWER__MAX_QUERIES", default_value = "16", value_parser = between(1_usize, 1_000))]
    pub max_queries: usize,
    /// Further queries that may wait for their turn; beyond it they are answered 503 with Retry-After.
    #[arg(id = "VIEWER__MAX_WAITING_QUERIES", default_value = "200", value_parser = between(0_usize, 10_000))]
    pub max_waiting_queries: usize,
    /// How long they wait before they are answered 503 with Retry-After.
    #[arg(id = "VIEWER__QUERY_WAIT", default_value = "3s", value_parser = duration_between("0s", "1m"))]
    pub query_wait: Duration,
}

/// An address that every browser is shown, so it must hold no password.
fn link(text: &str) -> Result<Url, String> {
    let url = settings::http_url(text).ok();
    url.filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "a URL such as http://host:3000, without a user or password".to_owned())
}
