//! The pages that show the dashboards, and the query proxy behind them.

mod crowd;
mod dashboards;
mod failures;
mod hostile;
mod pages;
mod queries;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::support::server::{PATIENCE, Server};

/// A client that shows redirects and compressed bodies as they come.
fn plain_client() -> reqwest::Client {
    let builder = belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]).redirect(Policy::none());
    builder.no_gzip().timeout(PATIENCE).build().unwrap()
}

/// A header as text; empty where there is none.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// What the server answers to a `GET` of a target that no client would send as it is, with these further lines.
async fn raw(server: &Server, target: &str, lines: &str) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// The number of queries that ended so, on the page of metrics.
async fn ended(server: &Server, source: &str, outcome: &str) -> Option<f64> {
    server.metric(&format!("belfry_viewer_queries_total{{source=\"{source}\",outcome=\"{outcome}\"}}")).await
}
