//! How requests are read and refused: JSON and queries whose errors are problems, pages, unmatched paths, panics.

use std::any::Any;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use belfry_telemetry::error_text::panic_message;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::buffered_body::BodyBudget;
use crate::error::Error;

/// The largest JSON body; uploads have their own limit.
pub const JSON_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// The response to a request whose handler panicked.
pub fn panicked(payload: Box<dyn Any + Send>) -> Response {
    Error::Internal(anyhow::anyhow!("a handler panicked: {}", panic_message(&*payload))).into_response()
}

/// The response to a path that no route has.
pub async fn unmatched() -> Error {
    Error::NotFound("path")
}

/// The response to a method that a path has no route for.
pub async fn not_allowed(method: axum::http::Method) -> Error {
    Error::MethodNotAllowed(method)
}

/// What a client sent, as an error may show it: quoted, and not for longer than a line.
pub fn shown(found: &str) -> String {
    const LONGEST: usize = 64;
    let short: String = found.chars().take(LONGEST).collect();
    let more = if short.len() < found.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// All but what stands for itself in a part of a URL and in a header's parameter.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// A text as it may stand in a part of a URL, and in a header's parameter (RFC 8187).
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Whether a text can be the id of anything here. PostgreSQL refuses some texts that are none, such as one with a NUL.
pub fn is_id(text: &str) -> bool {
    text.len() == uuid::fmt::Hyphenated::LENGTH && uuid::Uuid::try_parse(text).is_ok()
}

/// `axum::Json` whose refusals are problems, and whose body is read within the budget of the state.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T>
where
    BodyBudget: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (head, body) = request.into_parts();
        let bytes = BodyBudget::from_ref(state).read(body, JSON_LIMIT_BYTES).await?;
        let request = Request::from_parts(head, Body::from(bytes));
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == axum::http::StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Error::invalid("invalid_body", rejection.body_text()))
            }
            Err(rejection) if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::TooLarge { limit_bytes: JSON_LIMIT_BYTES as u64 })
            }
            Err(rejection) => Err(Error::BadRequest { code: "invalid_json", detail: rejection.body_text() }),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// `axum::extract::Query` whose refusals are problems.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| Error::BadRequest { code: "invalid_query", detail: rejection.body_text() })
    }
}

const DEFAULT_ITEMS: i64 = 50;
const MAX_ITEMS: i64 = 200;

/// One page of a list, newest first.
#[derive(Serialize)]
pub struct Page<T> {
    items: Vec<T>,
    /// Give it as `cursor` to get the next page; absent on the last one.
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// How many items a page is to have.
    ///
    /// # Errors
    /// 400 for a number out of range.
    pub fn limit(requested: Option<i64>) -> Result<i64, Error> {
        let limit = requested.unwrap_or(DEFAULT_ITEMS);
        if (1..=MAX_ITEMS).contains(&limit) {
            return Ok(limit);
        }
        let detail = format!("limit: found {limit}, expected 1 to {MAX_ITEMS}");
        Err(Error::BadRequest { code: "invalid_limit", detail })
    }

    /// The refusal of a cursor that no page can have given.
    pub fn invalid_cursor() -> Error {
        let detail = "cursor: expected the next_cursor of an earlier page".to_owned();
        Error::BadRequest { code: "invalid_cursor", detail }
    }

    /// The page of what was `found`: the items, and one more if there is a next page. It goes on after `cursor` of the last.
    pub fn from_rows(mut found: Vec<T>, limit: i64, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| more).map(cursor);
        Self { items: found, next_cursor }
    }

    /// The same page with other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}
