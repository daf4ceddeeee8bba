//! On whose behalf a call is made.

use axum::http::Extensions;

use crate::components::access::Caller;

/// The id of the user whose key a request showed, as its extensions tell. None where no keys are asked for.
pub fn user_id(request: &Extensions) -> Option<String> {
    request.get::<Caller>().and_then(|caller| caller.user_id.clone())
}
