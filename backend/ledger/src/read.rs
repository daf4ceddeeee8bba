//! A response's body as a report: detects its shape, and hands it to the rule of that shape.

use crate::counts;
use crate::error::UsageError;
use crate::json::Object;
use crate::report::Report;
use crate::shape::{Shape, detect};

/// Reads a response's body, or the last event of a streamed one, whose shape is detected. Unknown fields are ignored.
///
/// # Errors
///
/// A [`UsageError`] where the body is not a JSON object, or where its usage contradicts itself. The rest of such a body
/// is not reported either.
pub fn read_response(body: &[u8]) -> Result<Report, UsageError> {
    let body = Object::parse(body)?;
    read(detect(&body)?, &body)
}

/// As [`read_response`], for a body whose shape is known.
///
/// # Errors
///
/// As [`read_response`].
pub fn read_response_as(shape: Shape, body: &[u8]) -> Result<Report, UsageError> {
    read(shape, &Object::parse(body)?)
}

fn read(shape: Shape, body: &Object<'_>) -> Result<Report, UsageError> {
    // An event of a stream has the response in one of its fields.
    let inner = match shape {
        Shape::OpenAiResponses => body.object("response")?,
        Shape::Anthropic => body.object("message")?,
        _ => None,
    };
    let body = inner.as_ref().unwrap_or(body);
    match shape {
        Shape::Anthropic => counts::anthropic::read(body),
        Shape::Gemini => counts::gemini::read(body),
        Shape::Ollama => counts::ollama::read(body),
        Shape::OpenAiResponses => counts::openai::read(body, shape, &counts::openai::RESPONSES),
        _ => counts::openai::read(body, shape, &counts::openai::CHAT),
    }
}
