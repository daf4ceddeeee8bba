//! Who may use each route. What is not named here asks for the scope `read` where it changes nothing and `write` where it may.

use axum::http::Method;

use crate::components::access::{Access, RouteAccess, Scope};

/// Routes for everybody: of health, for probes and load balancers; of the pages' files, in which there is nothing that is not in the
/// sources; and those whose handlers ask for a token or a signature of their own.
const OPEN: &[&str] =
    &["/health", "/healthz", "/livez", "/readyz", "/viewer/{name}", "/api/v1/alerts/webhook", "/api/v1/setup"];

/// For everybody who delivers, since each delivery is signed. What was delivered is not for everybody to read.
const OPEN_TO_DELIVERIES: &[&str] = &["/api/v1/billing/events"];

/// What a person sees in a browser, and what those pages ask for.
const BROWSER: &[&str] = &[
    "/",
    "/dashboards",
    "/dashboards/{uid}",
    "/d/{uid}",
    "/d/{uid}/{slug}",
    "/targets",
    "/rules",
    "/alerts",
    "/runbook",
    "/api/v1/viewer",
    "/api/v1/dashboards",
    "/api/v1/dashboards/{uid}",
    "/api/v1/query/{*path}",
];

/// Users, keys, who changed what, and running jobs. Also what reads.
const ADMIN: &[&str] = &[
    "/api/v1/users",
    "/api/v1/users/{id}",
    "/api/v1/users/{id}/keys",
    "/api/v1/keys/{id}",
    "/api/v1/keys/{id}/rotate",
    "/api/v1/audit",
    "/jobs/{job_name}/run",
];

/// A `POST` only because its input is a body: nothing is different afterwards, so that it is not on record.
const WITHOUT_CHANGE: &[&str] = &["/api/v1/runs/{id}/predict"];

/// What a route asks for.
pub(super) fn of(method: &Method, path: &str) -> RouteAccess {
    let reads = *method == Method::GET;
    let access = match path {
        path if OPEN.contains(&path) => Access::Open,
        path if OPEN_TO_DELIVERIES.contains(&path) && !reads => Access::Open,
        path if BROWSER.contains(&path) => Access::Browser,
        path if ADMIN.contains(&path) => Access::Scope(Scope::Admin),
        _ if reads => Access::Scope(Scope::Read),
        _ => Access::Scope(Scope::Write),
    };
    let is_audited = !reads && matches!(access, Access::Scope(_)) && !WITHOUT_CHANGE.contains(&path);
    RouteAccess { access, is_audited }
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn what_is_named_here_is_a_route() {
        let routes = listed();
        for named in [OPEN, OPEN_TO_DELIVERIES, BROWSER, ADMIN, WITHOUT_CHANGE].concat() {
            assert!(routes.iter().any(|(route, _)| route.path == named), "{named} is no route");
        }
    }

    #[test]
    fn a_route_asks_by_its_method_unless_it_is_named() {
        let scope = |method, path| of(&method, path).access;
        assert_eq!(scope(Method::GET, "/api/v1/runs"), Access::Scope(Scope::Read));
        assert_eq!(scope(Method::POST, "/api/v1/runs"), Access::Scope(Scope::Write));
        assert_eq!(scope(Method::DELETE, "/a/new/route"), Access::Scope(Scope::Write));
        assert_eq!(scope(Method::GET, "/api/v1/users"), Access::Scope(Scope::Admin));
        assert_eq!(scope(Method::GET, "/livez"), Access::Open);
        assert_eq!(scope(Method::POST, "/api/v1/billing/events"), Access::Open);
        assert_eq!(scope(Method::GET, "/api/v1/billing/events"), Access::Scope(Scope::Read));
        assert_eq!(scope(Method::POST, "/api/v1/query/{*path}"), Access::Browser);
        assert!(of(&Method::POST, "/api/v1/runs").is_audited && !of(&Method::GET, "/api/v1/runs").is_audited);
        assert!(!of(&Method::POST, "/api/v1/runs/{id}/predict").is_audited);
    }
}
