//! How requests are read and refused: JSON and queries whose errors are problems, pages, unmatched paths, panics.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belfry_learning::excerpt::excerpt;
use belfry_telemetry::error_text::panic_message;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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
    format!("{:?}", excerpt(found))
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
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let unsupported = || {
            let found = content_type.as_ref();
            let found = found.map_or("none".to_owned(), |found| shown(&String::from_utf8_lossy(found.as_bytes())));
            Error::UnsupportedMediaType(format!("Content-Type: found {found}, expected application/json"))
        };
        // Before a body is read that will not be used.
        if !content_type.as_ref().is_some_and(is_json) {
            return Err(unsupported());
        }
        let (head, body) = request.into_parts();
        let bytes = BodyBudget::from_ref(state).read(body, JSON_LIMIT_BYTES).await?;
        let request = Request::from_parts(head, Body::from(bytes));
        match axum::Json::<Object<T>>::from_request(request, state).await {
            Ok(axum::Json(Object(value))) => Ok(Self(value)),
            // Such as one with a malformed parameter.
            Err(JsonRejection::MissingJsonContentType(_)) => Err(unsupported()),
            Err(rejection @ (JsonRejection::JsonDataError(_) | JsonRejection::JsonSyntaxError(_))) => {
                Err(json_error(rejection))
            }
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::TooLarge { limit_bytes: JSON_LIMIT_BYTES as u64 })
            }
            // The body could not be read to its end.
            Err(_) => Err(Error::Incomplete),
        }
    }
}

/// A value from a body that is a JSON object, for handlers that need its bytes as well.
///
/// # Errors
/// 400 for what is no JSON, 422 for JSON of another shape.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    axum::Json::<Object<T>>::from_bytes(bytes).map(|axum::Json(Object(value))| value).map_err(json_error)
}

fn json_error(rejection: JsonRejection) -> Error {
    match rejection {
        JsonRejection::JsonDataError(error) => Error::invalid("invalid_body", reason(&error)),
        JsonRejection::JsonSyntaxError(error) => Error::BadRequest { code: "invalid_json", detail: reason(&error) },
        // The body could not be read to its end.
        _ => Error::Incomplete,
    }
}

/// Whether a media type is JSON's, or ends in `+json` (RFC 6839).
fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A value that is read from a JSON object only: a struct would be read from an array of its fields, too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Why a body or a query was refused: the cause without what the framework says around it, in JSON's words for its kinds.
fn reason(rejection: &(impl std::error::Error + 'static)) -> String {
    let message = rejection.source().map_or_else(|| rejection.to_string(), |cause| cause.to_string());
    let words = [
        ("invalid type: map,", "invalid type: object,"),
        ("invalid type: sequence,", "invalid type: array,"),
        (", expected a map", ", expected an object"),
        (", expected a sequence", ", expected an array"),
        (", expected i64", ", expected a whole number"),
    ];
    words.iter().fold(message, |message, (kind, json)| message.replace(kind, json))
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
            .map_err(|rejection| Error::BadRequest { code: "invalid_query", detail: reason(&rejection) })
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

    /// Before which id a page begins, of a list whose cursors are ids. These grow with time, and each is less than `g`, with which the
    /// first page begins.
    ///
    /// # Errors
    /// 400 for a cursor that is no id.
    pub fn before(cursor: Option<String>) -> Result<String, Error> {
        match cursor {
            Some(cursor) if !is_id(&cursor) => Err(Self::invalid_cursor()),
            cursor => Ok(cursor.unwrap_or_else(|| "g".to_owned())),
        }
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
