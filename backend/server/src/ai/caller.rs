//! On whose behalf a call is made.

use axum::http::Extensions;

/// The id of the user who sent a request, as its extensions tell. Nobody has one yet.
pub fn user_id(_request: &Extensions) -> Option<String> {
    None
}
