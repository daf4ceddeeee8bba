//! Responses that are faults of this side become alerts.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::components::alerts::RequestFault;
use crate::error::ServerFault;
use crate::state::Shared;

/// The middleware that notices such responses.
pub async fn report_request_faults(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    if let Some(ServerFault { component, code }) = response.extensions().get().copied() {
        let request = format!("{method} {}", route.as_ref().map_or("unmatched", MatchedPath::as_str));
        app.alerts.request_failed(RequestFault { component, code, request });
    }
    response
}
