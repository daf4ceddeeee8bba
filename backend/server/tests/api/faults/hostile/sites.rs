//! Web pages of other sites, which a browser on an operator's machine lets act on local addresses.

use reqwest::{Method, StatusCode};

use crate::api::support::server::{Server, problem};
use crate::api::support::uploads::{TABLE, outcomes, upload};

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    let dataset = format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap());
    let changes = [
        (Method::POST, "/jobs/ttl_cleanup/run"),
        (Method::POST, "/api/v1/datasets"),
        (Method::POST, "/api/v1/runs"),
        (Method::DELETE, dataset.as_str()),
    ];
    for (method, path) in changes {
        for (header, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = server.client.request(method.clone(), format!("{}{path}", server.url)).header(header, value);
            let answer = request.header("content-type", "text/csv").body(TABLE).send().await.unwrap();
            problem(answer, StatusCode::FORBIDDEN, "cross_site").await;
        }
    }
    assert_eq!(server.json(&dataset).await["rows"], 2);
    assert_eq!(outcomes(&server).await, [("stored".to_owned(), 1.0)]);
    assert_eq!(server.metric("http_requests_refused_total{reason=\"cross_site\"}").await, Some(8.0));
    // Its own pages may.
    let own = server.client.delete(format!("{}{dataset}", server.url)).header("origin", &server.url);
    assert_eq!(own.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_name_that_is_not_listed_is_not_served() {
    let server = Server::start_with(&[("SERVER__ALLOWED_HOSTS", "backend")]).await;
    let get = |path: &str, host: &str| server.client.get(format!("{}{path}", server.url)).header("host", host).send();
    for host in ["backend:8000", "localhost:1", "[::1]:8000", "192.0.2.1"] {
        assert_eq!(get("/api/v1/datasets", host).await.unwrap().status(), StatusCode::OK, "{host}");
    }
    let refused = problem(
        get("/api/v1/datasets", "evil.example").await.unwrap(),
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
    );
    assert!(refused.await["detail"].as_str().unwrap().contains("SERVER__ALLOWED_HOSTS"));
    assert_eq!(get("/metrics", "evil.example").await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn every_answer_has_the_headers_browsers_obey() {
    let server = Server::start().await;
    for path in ["/livez", "/metrics", "/api/v1/datasets", "/nowhere"] {
        let answer = server.get(path).await;
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
}

#[tokio::test]
async fn listed_origins_may_use_the_api() {
    let server = Server::start_with(&[("SERVER__CORS_ORIGINS", "https://app.example")]).await;
    let ask = |method: Method, origin: &'static str| {
        let request = server.client.request(method, format!("{}/api/v1/datasets", server.url)).header("origin", origin);
        request.header("access-control-request-method", "POST").send()
    };
    let preflight = ask(Method::OPTIONS, "https://app.example").await.unwrap();
    assert_eq!(
        (preflight.status(), &preflight.headers()["access-control-allow-origin"]),
        (StatusCode::OK, &"https://app.example".parse().unwrap())
    );
    let answer = ask(Method::GET, "https://app.example").await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example");
    for method in [Method::OPTIONS, Method::GET] {
        let other = ask(method, "https://evil.example").await.unwrap();
        assert!(!other.headers().contains_key("access-control-allow-origin"));
    }
}
