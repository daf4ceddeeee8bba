//! The query proxy: `/api/v1/query/{source}/...` passes a page's queries on to Prometheus, Loki and Alertmanager, so that the
//! page asks its own server alone. It only reads, and nothing of a request reaches a source but what is on a list:
//!
//! - `endpoint.rs`: the paths, compared as they were sent, without decoding anything
//! - `parameters.rs`, `time.rs`: the parameters, parsed, bounded and written anew
//! - `sources.rs`: where the sources are, and what they are sent besides, which comes from settings alone
//! - `slots.rs`: how many queries run at one time, and how many wait
//! - `client.rs`, `received.rs`, `answer.rs`: the call, the reading of its answer, and what of that is passed on
//! - `memory.rs`: the memory for answers
//!
//! An answer is read to its end before the response begins: too large a one is then an error that a page can show, not a
//! response that is cut off. One budget bounds the memory for all answers, from the first byte read to the last one sent.

mod answer;
mod client;
mod endpoint;
mod memory;
mod parameters;
mod received;
mod slots;
mod sources;
mod time;

use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use url::form_urlencoded;

use self::answer::Answer;
use self::client::{Call, SourceClient};
use self::endpoint::Endpoint;
use self::memory::AnswerMemory;
use self::slots::QuerySlots;
pub(super) use self::sources::Sources;
use super::document::accepts;
use crate::buffered_body::BodyBudget;
use crate::config::{Config, ViewerConfig};
use crate::error::{Error, Result};
use crate::events::viewer::ViewerQuery;
use crate::request::shown;

/// What the path of every query begins with.
const PREFIX: &str = "/api/v1/query/";

/// What a form may have besides its texts.
const FORM_EXTRA_BYTES: u64 = 4096;

const FORM: &str = "application/x-www-form-urlencoded";

/// The proxy.
pub(super) struct QueryProxy {
    limits: ViewerConfig,
    sources: Sources,
    client: SourceClient,
    slots: QuerySlots,
    memory: AnswerMemory,
    body_budget: BodyBudget,
}

impl QueryProxy {
    /// A proxy for the sources of these settings.
    ///
    /// # Errors
    /// A client that cannot be built.
    pub fn new(config: &Config, body_budget: BodyBudget) -> anyhow::Result<Self> {
        let limits = config.viewer.clone();
        let slots = QuerySlots::new(limits.max_queries, limits.max_waiting_queries, limits.query_wait);
        let memory = AnswerMemory::new(limits.max_queries, limits.max_answer_bytes);
        Ok(Self { sources: Sources::new(config), client: SourceClient::new()?, slots, memory, body_budget, limits })
    }

    /// The services that can be asked.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// `GET` or `POST /api/v1/query/{source}/...`: the source's own answer.
    ///
    /// # Errors
    /// 404 for a path that is not on the list and for a source that is not configured, 400 and 422 for parameters, 503 when
    /// there are too many queries, 502 and 504 when the source does not answer as it should, and its own 4xx.
    pub async fn run(&self, request: Request) -> Result<Response> {
        let endpoint = Endpoint::find(request.uri().path().strip_prefix(PREFIX).unwrap_or_default())?;
        if *request.method() == Method::POST && !endpoint.takes_forms {
            let refusal = Error::MethodNotAllowed(Method::POST);
            return Ok(([(header::ALLOW, "GET,HEAD")], refusal).into_response());
        }
        let query = ViewerQuery::begin(endpoint.source);
        match self.answer(&endpoint, request).await {
            Ok(answer) => {
                query.answered(answer.status);
                Ok(answer.into_response(self.limits.query_timeout))
            }
            Err(error) => {
                query.ended_by(&error);
                Err(error)
            }
        }
    }

    async fn answer(&self, endpoint: &Endpoint, request: Request) -> Result<Answer> {
        let source = self.sources.find(endpoint.source)?;
        let takes_gzip = accepts(request.headers(), "gzip");
        let by_form = *request.method() == Method::POST;
        let (query, form) = self.read_texts(request).await?;
        let received = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(&form));
        let parameters = parameters::rebuild(endpoint, received, &self.limits, time::Time::now())?;
        // Only now, so that a client that sends slowly, or nonsense, takes no slot.
        let _slot = self.slots.acquire().await?;
        let call = Call { endpoint, source, parameters, by_form, takes_gzip };
        self.client.ask(call, self.limits.query_timeout, self.limits.max_answer_bytes, &self.memory).await
    }

    /// The query string and the form of a request.
    async fn read_texts(&self, request: Request) -> Result<(String, Bytes)> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default().to_owned();
        if head.method != Method::POST {
            return Ok((query, Bytes::new()));
        }
        let found = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let found = String::from_utf8_lossy(found);
        if !is_media_type(&found, FORM) {
            return Err(Error::UnsupportedMediaType(format!("Content-Type: found {}, expected {FORM}", shown(&found))));
        }
        if let Some(found) = head.headers.get(header::CONTENT_ENCODING).filter(|found| *found != "identity") {
            let found = shown(&String::from_utf8_lossy(found.as_bytes()));
            return Err(Error::UnsupportedMediaType(format!("Content-Encoding: found {found}, expected none")));
        }
        // Escaped, each byte of a text may be three.
        let limit = self.limits.max_query_bytes * 3 + FORM_EXTRA_BYTES;
        let form = self.body_budget.read(body, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
        Ok((query, form))
    }
}

/// Whether a `Content-Type` says this, whatever its parameters.
fn is_media_type(content_type: &str, expected: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}
