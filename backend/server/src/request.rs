//! What every request gets: an id, taken from `X-Request-Id` or made, a span that carries it, and an answer on a panic.

use std::any::Any;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::{HeaderValue, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tracing::Instrument;
use uuid::Uuid;

use crate::error::Error;

const REQUEST_ID: &str = "x-request-id";

/// Longer ids would be a way to fill the logs.
const LONGEST_ID: usize = 64;

tokio::task_local! {
    static CURRENT_ID: String;
}

/// The id of the request under way; empty outside of one.
pub fn current_id() -> String {
    CURRENT_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request its id and its span, and the answer the id.
pub async fn identify(request: Request, next: Next) -> Response {
    let brought = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    let id = brought.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!("request", request_id = id, method = %request.method(), route);
    let value = HeaderValue::from_str(&id).ok();
    let mut response = CURRENT_ID.scope(id, next.run(request).instrument(span)).await;
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The answer to a request whose handler panicked.
pub fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    Error::Internal(anyhow::anyhow!("a handler panicked: {}", message.unwrap_or("no message"))).into_response()
}

/// The answer to a path that no route has.
pub async fn unmatched() -> Error {
    Error::NotFound("path")
}

/// `axum::Json` whose refusals are problems.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == axum::http::StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Error::invalid("invalid_body", rejection.body_text()))
            }
            Err(rejection) if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::TooLarge { limit_bytes: crate::app::JSON_LIMIT_BYTES as u64 })
            }
            Err(rejection) => Err(Error::BadRequest { code: "invalid_json", detail: rejection.body_text() }),
        }
    }
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
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
