//! Who sent a request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::scope::Scopes;

/// Who sent a request, as an extension of it. A handler takes it as an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user whose key it has; none without a key.
    pub user_id: Option<String>,
    /// That key's id, which is no secret.
    pub key_id: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
}

impl Caller {
    /// Anybody, where `AUTH__MODE` is `off`.
    pub fn anyone() -> Self {
        Self { scopes: Scopes::all(), ..Self::default() }
    }
}

/// Nobody in particular if nothing has let the request in: on open routes.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
