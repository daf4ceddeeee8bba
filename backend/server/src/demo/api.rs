//! The server as the demo sees it: requests, and responses that are never an `Err`, since a lost response counts too.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::error::chain;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(30);

/// A server's address and a client for it.
pub struct Api {
    url: String,
    client: Client,
}

/// The response to a request.
pub struct ApiResponse {
    /// The status; `None` when there was no response.
    pub status: Option<u16>,
    /// The body, where it is JSON.
    pub body: Value,
    /// What to show a person when the response was not the expected one.
    pub detail: String,
}

impl Api {
    /// A client for the server at `url`, with the key in a file if there is one.
    pub fn new(url: &str, key_file: Option<&Path>) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let parsed: url::Url = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            bail!("`{url}` is no URL such as http://127.0.0.1:8000");
        }
        // A proxy for the outside would not know the server that was just started here.
        let client = belfry_telemetry::tls::http_client()
            .no_proxy()
            .default_headers(key_file.map(key_header).transpose()?.unwrap_or_default())
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(DEADLINE)
            .build()?;
        Ok(Self { url, client })
    }

    /// Fails with a sentence unless a ready Belfry responds.
    pub async fn require_belfry(&self) -> anyhow::Result<()> {
        let response = self.get("/health").await;
        if response.status.is_none() {
            bail!("no server answers at {}: {}", self.url, response.detail);
        }
        let checks = &response.body["checks"];
        let is_check = |name: &str| checks[name]["latency_ms"].is_number() && checks[name]["required"].is_boolean();
        if !["database", "storage", "scheduler"].into_iter().all(is_check) {
            bail!("what answers at {} is not a Belfry: its /health does not look like one", self.url);
        }
        if response.status != Some(200) {
            bail!("the Belfry at {} is not healthy: {}", self.url, response.body);
        }
        Ok(())
    }

    /// A request to be completed and given to [`send`](Self::send).
    pub fn post_to(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// A request to be completed and given to [`send`](Self::send).
    pub fn get_from(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> ApiResponse {
        self.send(self.get_from(path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> ApiResponse {
        self.send(self.post_to(path).json(body)).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> ApiResponse {
        self.send(self.client.delete(format!("{}{path}", self.url))).await
    }

    /// Sends a request and reads its response to the end.
    pub async fn send(&self, request: RequestBuilder) -> ApiResponse {
        match Self::exchange(request).await {
            Ok(response) => response,
            Err(error) => ApiResponse::lost(chain(&error)),
        }
    }

    async fn exchange(request: RequestBuilder) -> reqwest::Result<ApiResponse> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let word = |name: &str| body[name].as_str().unwrap_or("?").to_owned();
        let detail = if body["code"].is_string() {
            format!("{}: {} (request {})", word("code"), word("detail"), word("request_id"))
        } else {
            String::from_utf8_lossy(&bytes).chars().take(200).collect()
        };
        Ok(ApiResponse { status: Some(status), body, detail })
    }
}

/// The header with the key in this file. No error shows the key.
fn key_header(file: &Path) -> anyhow::Result<HeaderMap> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the key in {}", file.display()))?;
    let header = HeaderValue::from_str(&format!("Bearer {}", text.trim()));
    let mut header =
        header.map_err(|_| anyhow::anyhow!("{}: found other characters than a key has", file.display()))?;
    header.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, header)]))
}

impl ApiResponse {
    /// No response, and why.
    pub fn lost(detail: String) -> Self {
        Self { status: None, body: Value::Null, detail }
    }

    /// A text member of the body; empty when there is none.
    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_default().to_owned()
    }
}
