//! Event streams end with the key that opened them. Every other response ends by itself, and is sent to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use futures::StreamExt;

use crate::components::access::key_text::Credential;
use crate::components::access::{AccessControl, Scope};

/// How often the key of an open stream is looked at again. With what is remembered of a key for five seconds, a stream lasts seven
/// seconds at most after another server has revoked its key.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// An event stream ends, as at a shutdown, once a request with its key would not be let in any more. Its client may come back, and is
/// then told why it is refused.
pub(super) fn end_with_key(
    response: Response,
    access: &Arc<AccessControl>,
    credential: Credential,
    scope: Scope,
) -> Response {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let access = access.clone();
    let refused = async move {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            if !access.still_admits(&credential, scope).await {
                tracing::info!(key_id = credential.id, "event stream ended: its key is no longer valid");
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(refused))))
}
