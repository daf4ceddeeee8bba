//! The client for calls to other services: bounded in time and size, counted, with the trace along.
//!
//! What went wrong is reported as a [`Failure`] alone: the errors of the HTTP client hold URLs, and URLs hold tokens.

use std::time::Duration;

use anyhow::Context;
use belfry_telemetry::client_call::{ClientCall, Failure};
use belfry_telemetry::settings::Secret;
use reqwest::header;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

/// For a call that says nothing else. Shorter than the deadline of a health check, so that the call itself is counted as a
/// timeout.
const TIMEOUT: Duration = Duration::from_millis(1_400);

/// How much of a response is read.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The HTTP client of all calls to other services.
#[derive(Clone, Debug)]
pub struct ServiceClient(reqwest::Client);

/// A response, whatever its status.
#[derive(Debug)]
pub struct ServiceResponse {
    /// The HTTP status.
    pub status: reqwest::StatusCode,
    /// The first MiB of its body.
    pub body: Vec<u8>,
    /// Whether the body has more than that.
    pub is_cut: bool,
    /// `Retry-After` (RFC 9110, section 10.2.3), as the time from now; none where it cannot be read.
    pub retry_after: Option<Duration>,
}

impl ServiceClient {
    /// Builds the client.
    pub fn new() -> anyhow::Result<Self> {
        // Followed redirects would carry a URL, and the token in it, to wherever they lead.
        let client = belfry_telemetry::tls::http_client().timeout(TIMEOUT).redirect(Policy::none()).referer(false);
        Ok(Self(client.build().context("cannot build the client for other services")?))
    }

    /// `GET url`, with a bearer token where one is set. `service` and `endpoint` are the labels it is counted under.
    pub async fn get(
        &self,
        service: &'static str,
        endpoint: &'static str,
        url: &str,
        token: Option<&Secret>,
    ) -> Result<ServiceResponse, Failure> {
        let mut request = self.0.get(url);
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            request = request.bearer_auth(token.expose());
        }
        send(ClientCall::begin(service, endpoint), request).await
    }

    /// `POST url` with a JSON body. The answer may take `timeout`.
    pub async fn post(
        &self,
        service: &'static str,
        endpoint: &'static str,
        url: &str,
        body: &Value,
        timeout: Duration,
    ) -> Result<ServiceResponse, Failure> {
        send(ClientCall::begin(service, endpoint), self.0.post(url).json(body).timeout(timeout)).await
    }

    /// [`Self::post`] with a bearer token where one is set.
    pub async fn post_with_token(
        &self,
        (service, endpoint): (&'static str, &'static str),
        url: &str,
        token: &Secret,
        body: &Value,
        timeout: Duration,
    ) -> Result<ServiceResponse, Failure> {
        let mut request = self.0.post(url).json(body).timeout(timeout);
        if !token.is_empty() {
            request = request.bearer_auth(token.expose());
        }
        send(ClientCall::begin(service, endpoint), request).await
    }
}

async fn send(call: ClientCall, mut request: reqwest::RequestBuilder) -> Result<ServiceResponse, Failure> {
    for (name, value) in call.headers() {
        request = request.header(name, value);
    }
    match read(request).await {
        Ok(response) => {
            call.answered(response.status.as_u16());
            Ok(response)
        }
        Err(error) => {
            let failure = failure(&error);
            call.failed(failure);
            Err(failure)
        }
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<ServiceResponse> {
    let mut response = request.send().await?;
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    let (mut body, mut is_cut) = (Vec::new(), false);
    while let Some(piece) = response.chunk().await? {
        let room = MAX_BODY_BYTES - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(ServiceResponse { status: response.status(), body, is_cut, retry_after })
}

/// Seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    let pause = date.timestamp().as_millisecond() - jiff::Timestamp::now().as_millisecond();
    Some(Duration::from_millis(pause.try_into().unwrap_or(0)))
}

/// The address of a path below a base URL, which may have a path of its own, with a slash at its end or without.
pub fn below(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

/// What came of a call without an answer, for messages.
pub fn sentence(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "no answer in time",
        Failure::Unreachable => "cannot be reached",
        Failure::Broken => "connection closed mid-response",
        Failure::Cancelled => "was cancelled",
    }
}

/// What a failed call is counted as.
pub fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Unreachable
    } else {
        Failure::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_may_end_in_a_slash() {
        for base in ["http://host/v1", "http://host/v1/"] {
            assert_eq!(below(&base.parse().unwrap(), "models"), "http://host/v1/models");
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = retry_after("Thu, 31 Dec 9998 23:59:59 GMT").unwrap();
        assert!(later > Duration::from_secs(365 * 24 * 3_600), "{later:?}");
        for text in ["", "-1", "1.5", "soon", "Wed, 41 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(text), None, "{text}");
        }
    }
}
