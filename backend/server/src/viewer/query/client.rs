//! The call of a source: counted as every call to another service, bounded in time, without following redirects.
//!
//! As with other services, what the HTTP client says of a failure is not passed on, since it holds addresses.

use std::time::Duration;

use anyhow::Context;
use axum::http::{StatusCode, header};
use belfry_telemetry::client_call::{ClientCall, Failure};
use reqwest::redirect::Policy;

use super::answer::Answer;
use super::endpoint::Endpoint;
use super::memory::AnswerMemory;
use super::received::Received;
use super::sources::Source;
use crate::client_call::failure;
use crate::error::{Error, Result};

/// How long a source may take to accept a connection. One that does not is away, rather than slow.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client of all sources.
pub(super) struct SourceClient(reqwest::Client);

/// One query.
pub(super) struct Call<'c> {
    /// What is asked.
    pub endpoint: &'c Endpoint,
    /// The source that is asked.
    pub source: &'c Source,
    /// The parameters, encoded.
    pub parameters: String,
    /// Whether they go as a form.
    pub by_form: bool,
    /// Whether the answer may be compressed, since it is passed on so.
    pub takes_gzip: bool,
}

impl SourceClient {
    /// Builds the client.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn new() -> anyhow::Result<Self> {
        // A redirect would lead elsewhere than the settings say. What is compressed stays so.
        let client = belfry_telemetry::tls::http_client().redirect(Policy::none()).referer(false).no_gzip();
        let client = client.connect_timeout(CONNECT_TIMEOUT).build();
        Ok(Self(client.context("cannot build the client for the viewer's queries")?))
    }

    /// Asks a source.
    ///
    /// # Errors
    /// 503 where there is no room for its answer, 502 and 504 when it does not answer as it should, and its own 4xx where that is no JSON.
    pub async fn ask(
        &self,
        call: Call<'_>,
        timeout: Duration,
        max_bytes: u64,
        memory: &AnswerMemory,
    ) -> Result<Answer> {
        let source = call.endpoint.source;
        let counted = ClientCall::begin(source.into(), call.endpoint.template);
        let takes_gzip = call.takes_gzip;
        let request = self.request(&call, &counted);
        let exchange = async { Received::read(request.send().await?, takes_gzip, max_bytes, memory).await };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(Ok(received)) => {
                counted.answered(received.status.as_u16());
                received.into_answer(source, max_bytes)
            }
            Ok(Err(error)) => {
                let failure = if error.is_connect() { Failure::Unreachable } else { failure(&error) };
                counted.failed(failure);
                let what = match failure {
                    Failure::Unreachable => "cannot be reached",
                    _ => "closed the connection before its answer was complete",
                };
                let detail = format!("{} {what}", source.title());
                Err(Error::Query { status: StatusCode::BAD_GATEWAY, code: "query_source_unreachable", detail })
            }
            Err(_) => {
                counted.failed(Failure::Timeout);
                Err(timed_out(source.title(), timeout))
            }
        }
    }

    fn request(&self, call: &Call<'_>, counted: &ClientCall) -> reqwest::RequestBuilder {
        let mut address = call.source.address(&call.endpoint.path);
        let mut request = if call.by_form {
            let form = "application/x-www-form-urlencoded";
            self.0.post(address).header(header::CONTENT_TYPE, form).body(call.parameters.clone())
        } else {
            address.set_query(Some(&call.parameters).filter(|parameters| !parameters.is_empty()).map(String::as_str));
            self.0.get(address)
        };
        // The trace goes on, without what its client says besides.
        for (name, value) in counted.headers().into_iter().filter(|(name, _)| *name != "tracestate") {
            request = request.header(name, value);
        }
        request
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, if call.takes_gzip { "gzip" } else { "identity" })
            .headers(call.source.headers())
    }
}

/// The error of a query that takes too long, by our clock or by the source's.
pub(super) fn timed_out(source: &str, timeout: Duration) -> Error {
    let detail = format!(
        "{source}: found no answer within {} s, expected one within VIEWER__QUERY_TIMEOUT; choose a shorter time range, or \
         a query of fewer series",
        timeout.as_secs_f64()
    );
    Error::Query { status: StatusCode::GATEWAY_TIMEOUT, code: "query_timeout", detail }
}
