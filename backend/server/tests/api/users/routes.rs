//! Who is let in at each route. The table of routes comes from the program, which builds its router from the same list.

use std::process::Command;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::{ADMIN_KEY, Key, get, new_key, new_user, send, start_with};
use crate::api::support::server::{Server, problem};

const SCOPES: [&str; 3] = ["read", "write", "admin"];

/// What the middleware says of a request that it does not let in.
const REFUSALS: [&str; 6] =
    ["key_missing", "key_unknown", "key_expired", "key_revoked", "scope_missing", "too_many_failures"];

struct Route {
    method: Method,
    path: String,
    scope: Option<String>,
    is_for_browsers: bool,
}

/// Every route, with something in place of its parameters.
fn routes() -> Vec<Route> {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).arg("routes").output().unwrap();
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let parameters = [
        ("{id}", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("{job_name}", "ttl_cleanup"),
        ("{uid}", "http"),
        ("{slug}", "http"),
        ("{name}", "runbook.md"),
        ("{*path}", "prometheus/api/v1/query"),
    ];
    let read = |route: &Value| {
        let path = route["path"].as_str().unwrap().to_owned();
        let path = parameters.iter().fold(path, |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
        Route {
            method: route["method"].as_str().unwrap().parse().unwrap(),
            path,
            scope: route["scope"].as_str().map(str::to_owned),
            is_for_browsers: route["browser"] == true,
        }
    };
    listed.iter().map(read).collect()
}

async fn refused(response: Response, status: StatusCode, code: &str, route: &Route) -> Value {
    let challenges = response.headers().get_all("www-authenticate").iter();
    let challenges: Vec<_> = challenges.map(|value| value.to_str().unwrap().to_owned()).collect();
    let expected = match (status, route.is_for_browsers) {
        (StatusCode::UNAUTHORIZED, true) => 2,
        (StatusCode::UNAUTHORIZED, false) => 1,
        _ => 0,
    };
    let Route { method, path, .. } = route;
    assert_eq!(challenges.len(), expected, "{method} {path}: {challenges:?}");
    assert!(expected == 0 || challenges[0] == "Bearer", "{method} {path}: {challenges:?}");
    assert!(expected < 2 || challenges[1].starts_with("Basic realm="), "{method} {path}: {challenges:?}");
    if *method == Method::HEAD {
        assert_eq!(response.status(), status, "{method} {path}");
        return Value::Null;
    }
    problem(response, status, code).await
}

async fn let_in(response: Response, route: &Route) {
    let status = response.status();
    let code = response.json::<Value>().await.unwrap_or_default()["code"].as_str().unwrap_or_default().to_owned();
    assert!(!REFUSALS.contains(&code.as_str()), "{} {}: {status} {code}", route.method, route.path);
}

/// A key of each scope alone, one of the other two of each, one that has expired and one that was revoked.
struct Keys {
    only: Vec<Key>,
    without: Vec<Key>,
    expired: Key,
    revoked: Key,
}

async fn keys(server: &Server) -> Keys {
    let user = new_user(server, "somebody").await;
    let (mut only, mut without) = (Vec::new(), Vec::new());
    for scope in SCOPES {
        only.push(new_key(server, &user, &[scope]).await);
        let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        without.push(new_key(server, &user, &others).await);
    }
    let (expired, revoked) = (new_key(server, &user, &SCOPES).await, new_key(server, &user, &SCOPES).await);
    expired.change(server, "expires_at = 1").await;
    revoked.change(server, "revoked_at = 1").await;
    Keys { only, without, expired, revoked }
}

#[tokio::test]
async fn every_route_lets_in_whoever_has_its_scope_and_nobody_else() {
    let server = start_with(&[("AUTH__MAX_FAILURES", "100000")]).await;
    let keys = keys(&server).await;
    let mut all = routes();
    assert!(all.len() > 40, "{} routes", all.len());
    let heads: Vec<_> = all
        .iter()
        .filter(|route| route.method == Method::GET)
        .map(|route| Route { method: Method::HEAD, path: route.path.clone(), scope: route.scope.clone(), ..*route })
        .collect();
    all.extend(heads);
    let (head, last) = keys.revoked.text.split_at(keys.revoked.text.len() - 1);
    let wrong = format!("{head}{}", if last == "0" { "1" } else { "0" });
    for route in &all {
        let Route { method, path, scope, .. } = route;
        let without_key = server.client.request(method.clone(), format!("{}{path}", server.url)).send().await.unwrap();
        let Some(scope) = scope else {
            let_in(without_key, route).await;
            continue;
        };
        let unauthorized = StatusCode::UNAUTHORIZED;
        refused(without_key, unauthorized, "key_missing", route).await;
        for (key, code) in [
            (wrong.as_str(), "key_unknown"),
            ("no key at all", "key_unknown"),
            (&keys.expired.text, "key_expired"),
            (&keys.revoked.text, "key_revoked"),
        ] {
            refused(send(&server, method.clone(), path, key).await, unauthorized, code, route).await;
        }
        let place = SCOPES.iter().position(|known| known == scope).unwrap();
        let response = send(&server, method.clone(), path, &keys.without[place].text).await;
        let said = refused(response, StatusCode::FORBIDDEN, "scope_missing", route).await;
        if *method != Method::HEAD {
            assert!(said["detail"].as_str().unwrap().ends_with(&format!("expected {scope} among them")), "{said}");
        }
        let_in(send(&server, method.clone(), path, &keys.only[place].text).await, route).await;
    }
}

#[tokio::test]
async fn what_is_no_route_needs_no_key_or_all_of_them() {
    let server = start_with(&[]).await;
    problem(server.get("/no/such/path").await, StatusCode::NOT_FOUND, "not_found").await;
    let put = server.client.put(format!("{}/api/v1/runs", server.url)).send().await.unwrap();
    problem(put, StatusCode::UNAUTHORIZED, "key_missing").await;
    let put = send(&server, Method::PUT, "/api/v1/runs", ADMIN_KEY).await;
    problem(put, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed").await;
    assert_eq!(server.get("/metrics").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_keys_everybody_may_do_everything() {
    let server = Server::start().await;
    for route in routes().iter().filter(|route| route.method == Method::GET) {
        let_in(server.get(&route.path).await, route).await;
    }
    // Prepared for the time when it is switched on.
    let user = server.post("/api/v1/users", &serde_json::json!({ "name": "somebody" })).await;
    assert_eq!(user.status(), StatusCode::CREATED);
    // A client may have a key already.
    assert_eq!(get(&server, "/api/v1/runs", "of another server").await.status(), StatusCode::OK);
}
