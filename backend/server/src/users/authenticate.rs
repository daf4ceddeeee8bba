//! The middleware that asks for a key, and says why one is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headers::authorization::{Basic, Bearer};
use headers::{Authorization, HeaderMapExt};

use super::open_streams::end_with_key;
use crate::components::access::audit::Recording;
use crate::components::access::key_text::Credential;
use crate::components::access::{Access, AccessTable, Caller, Refusal, RouteAccess, Scope, Verdict};
use crate::config::AuthMode;
use crate::error::{Error, Result};
use crate::events::auth::RequestNotAdmitted;
use crate::labels::AuthFailure;
use crate::listener::address_of;
use crate::state::Shared;

/// What the middleware needs.
#[derive(Clone)]
pub struct Gate {
    /// The components.
    pub app: Shared,
    /// What each route asks for.
    pub table: Arc<AccessTable>,
}

/// What a client shows.
enum Shown {
    Nothing,
    /// `None`: nothing that could be a key.
    Key(Option<Credential>),
}

/// The middleware: lets a request in if its key has the scope that its route asks for, and tells the handler who it is.
pub async fn authenticate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    // What no route has is answered 404 by the fallback.
    let Some(route) = request.extensions().get::<MatchedPath>().cloned() else { return next.run(request).await };
    if gate.app.access.mode == AuthMode::Off {
        request.extensions_mut().insert(Caller::anyone());
        return next.run(request).await;
    }
    let needed = gate.table.of(request.method(), route.as_str());
    let Some(scope) = needed.access.scope() else { return next.run(request).await };
    let address = address_of(request.extensions());
    let (caller, credential) = match identified(&gate, needed.access, request.headers(), address, route.as_str()).await
    {
        Ok(identified) => identified,
        Err(error) => return error.into_response(),
    };
    if !caller.scopes.contains(scope) {
        let response = without_scope(&caller, scope, route.as_str()).into_response();
        if needed.is_audited {
            let recording = begin_record(&gate, &caller, address, route.as_str(), &request);
            recording.ended(response.status().as_u16(), None).await;
        }
        return response;
    }
    request.extensions_mut().insert(caller.clone());
    let response = run(&gate, needed, &caller, address, route.as_str(), request, next).await;
    end_with_key(response, &gate.app.access, credential, scope)
}

/// Whose key it is, whatever its scopes, and what was shown.
async fn identified(
    gate: &Gate,
    access: Access,
    headers: &HeaderMap,
    address: IpAddr,
    route: &str,
) -> Result<(Caller, Credential)> {
    let is_browser = access == Access::Browser;
    let refused = |reason, code, detail| {
        RequestNotAdmitted { reason, key_id: None, route }.emit();
        Err(Error::Unauthenticated { code, detail, offers_basic: is_browser })
    };
    let credential = match shown(headers, is_browser) {
        Shown::Nothing => {
            let detail = "Authorization: found none, expected Bearer and a key";
            return refused(AuthFailure::Missing, "key_missing", detail);
        }
        Shown::Key(credential) => credential,
    };
    match (gate.app.access.judge(credential.as_ref(), address).await?, credential) {
        (Verdict::Valid(caller), Some(credential)) => Ok((caller, credential)),
        (Verdict::Valid(_), None) | (Verdict::Refused(Refusal::Unknown), _) => {
            refused(AuthFailure::Unknown, "key_unknown", "Authorization: found a key that there is not")
        }
        (Verdict::Refused(Refusal::Expired), _) => {
            refused(AuthFailure::Expired, "key_expired", "Authorization: found a key that has expired")
        }
        (Verdict::Refused(Refusal::Revoked), _) => {
            refused(AuthFailure::Revoked, "key_revoked", "Authorization: found a key that was revoked")
        }
        (Verdict::Limited(seconds), _) => {
            RequestNotAdmitted { reason: AuthFailure::RateLimited, key_id: None, route }.emit();
            Err(Error::TooManyFailures { seconds })
        }
    }
}

fn without_scope(caller: &Caller, scope: Scope, route: &str) -> Error {
    let (reason, key_id) = (AuthFailure::ScopeMissing, caller.key_id.as_deref());
    RequestNotAdmitted { reason, key_id, route }.emit();
    let detail = format!("the key has the scopes [{}], expected {} among them", caller.scopes, scope.name());
    Error::Forbidden { code: "scope_missing", detail }
}

fn begin_record(gate: &Gate, caller: &Caller, address: IpAddr, route: &str, request: &Request) -> Recording {
    let action = format!("{} {route}", request.method());
    gate.app.access.audit.begin(caller, action, request.uri().path(), address)
}

/// What the header `Authorization` shows. A browser sends the key as a password, with any name.
fn shown(headers: &HeaderMap, takes_basic: bool) -> Shown {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => return Shown::Nothing,
        (Some(_), None) => {}
        // Which of them counts would be a guess.
        (Some(_), Some(_)) => return Shown::Key(None),
    }
    if let Some(Authorization(bearer)) = headers.typed_get::<Authorization<Bearer>>() {
        return Shown::Key(Credential::read(bearer.token().trim()));
    }
    match headers.typed_get::<Authorization<Basic>>() {
        Some(Authorization(basic)) if takes_basic => Shown::Key(Credential::read(basic.password())),
        // A browser that has signed in to the pages sends it everywhere; it is no key where it could change something.
        Some(_) => Shown::Nothing,
        None => Shown::Key(None),
    }
}

/// Answers the request, and has it on record if it may change something.
async fn run(
    gate: &Gate,
    needed: RouteAccess,
    caller: &Caller,
    address: IpAddr,
    route: &str,
    mut request: Request,
    next: Next,
) -> Response {
    if !needed.is_audited {
        return next.run(request).await;
    }
    let recording = begin_record(gate, caller, address, route, &request);
    request.extensions_mut().insert(recording.change());
    let response = next.run(request).await;
    // What was made, where the response says it.
    let made = response.headers().get(header::LOCATION).and_then(|made| made.to_str().ok()).map(str::to_owned);
    recording.ended(response.status().as_u16(), made.filter(|_| response.status().is_success())).await;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(takes_basic: bool, values: &[&str]) -> Option<bool> {
        let values = values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(name, value);
        }
        match shown(&headers, takes_basic) {
            Shown::Nothing => None,
            Shown::Key(credential) => Some(credential.is_some()),
        }
    }

    #[test]
    fn one_header_with_one_key_is_read() {
        let key = "k".repeat(40);
        assert_eq!(found(false, &[]), None);
        assert_eq!(found(false, &[&format!("Bearer {key}")]), Some(true));
        assert_eq!(found(false, &[&format!("bearer {key}")]), Some(true));
        for none in ["Bearer", "Bearer short", "Token x", "x", ""] {
            assert_eq!(found(false, &[none]), Some(false), "{none:?}");
        }
        let two = format!("Bearer {key}");
        assert_eq!(found(true, &[&two, &two]), Some(false));
    }

    #[test]
    fn a_password_is_a_key_for_pages_only() {
        // belfry: and forty times k.
        let basic = "Basic YmVsZnJ5Omtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
        assert_eq!(found(true, &[basic]), Some(true));
        assert_eq!(found(false, &[basic]), None);
        assert_eq!(found(true, &["Basic !"]), Some(false));
    }
}
