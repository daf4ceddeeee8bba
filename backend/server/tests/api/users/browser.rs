//! What a person in a browser does: the key is the password of HTTP Basic.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{ADMIN_KEY, body, new_key, new_user, start_with};
use crate::api::support::server::{Server, problem};

async fn with_password(server: &Server, method: Method, path: &str, password: &str) -> reqwest::Response {
    let request = server.client.request(method, format!("{}{path}", server.url)).basic_auth("anybody", Some(password));
    request.header("accept", "text/html").send().await.unwrap()
}

#[tokio::test]
async fn the_pages_take_a_key_as_password() {
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let (reader, writer) = (new_key(&server, &user, &["read"]).await, new_key(&server, &user, &["write"]).await);
    let asked = server.get("/dashboards").await;
    let challenges: Vec<_> = asked.headers().get_all("www-authenticate").iter().collect();
    assert!(
        challenges.iter().any(|value| value.to_str().unwrap().starts_with("Basic realm=\"Belfry")),
        "{challenges:?}"
    );
    for path in ["/dashboards", "/dashboards/http", "/runbook", "/api/v1/viewer", "/api/v1/dashboards"] {
        let page = with_password(&server, Method::GET, path, &reader.text).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let refused = with_password(&server, Method::GET, path, &writer.text).await;
        problem(refused, StatusCode::FORBIDDEN, "scope_missing").await;
        let refused = with_password(&server, Method::GET, path, "a password of somebody's").await;
        problem(refused, StatusCode::UNAUTHORIZED, "key_unknown").await;
    }
    // What the pages load has no secret in it, and browsers may keep it for good.
    assert_eq!(server.get("/viewer/runbook.md").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_password_changes_nothing_whichever_site_sends_it() {
    let server = start_with(&[]).await;
    for (method, path) in [
        (Method::POST, "/api/v1/users"),
        (Method::POST, "/api/v1/datasets"),
        (Method::POST, "/jobs/ttl_cleanup/run"),
        (Method::GET, "/api/v1/users"),
        (Method::GET, "/api/v1/runs"),
    ] {
        let tried = with_password(&server, method, path, ADMIN_KEY).await;
        assert_eq!(tried.headers()["www-authenticate"], "Bearer");
        problem(tried, StatusCode::UNAUTHORIZED, "key_missing").await;
    }
    // A query is a `POST` at times, and comes from pages of this server only.
    let url = format!("{}/api/v1/query/prometheus/api/v1/query", server.url);
    let query = server.client.post(url).basic_auth("anybody", Some(ADMIN_KEY)).header("sec-fetch-site", "cross-site");
    problem(query.send().await.unwrap(), StatusCode::FORBIDDEN, "cross_site").await;
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_send_a_key() {
    let server = start_with(&[("SERVER__CORS_ORIGINS", "https://app.example")]).await;
    let url = format!("{}/api/v1/users", server.url);
    let asked = server.client.request(Method::OPTIONS, &url).header("origin", "https://app.example");
    let asked = asked.header("access-control-request-method", "POST");
    let answer = asked.header("access-control-request-headers", "authorization,content-type").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    assert!(allowed.contains("authorization"), "{allowed}");
    let sent = server.client.post(url).header("origin", "https://app.example").bearer_auth(ADMIN_KEY);
    body(sent.json(&json!({ "name": "x" })).send().await.unwrap(), StatusCode::CREATED).await;
}
