//! Queries that are made to reach more than they may: other paths of a source, other sources, other tenants. The tricks are those
//! by which proxies of dashboards were broken: dots and slashes in every encoding, hosts in the target, line ends in values,
//! names that are paths, and pages of other sites. Among them are one more slash, which passed the permission check of Grafana's proxy
//! (CVE-2025-3454, CVE-2026-22641), and a name from a request that became a file's path in Perses (GHSA-vr5f-w35q-98jp).

use reqwest::StatusCode;

use super::{ended, raw};
use crate::api::support::server::{Server, problem};
use crate::api::support::source::{Reply, Source};

async fn server_with(source: &Source) -> Server {
    let url = source.url.as_str();
    Server::start_with(&[("PROMETHEUS__URL", url), ("VIEWER__LOKI_URL", url), ("LOKI__TENANT", "ours")]).await
}

#[tokio::test]
async fn no_path_reaches_what_is_not_on_the_list() {
    let source = Source::start(Reply::json(200, "{}")).await;
    let server = server_with(&source).await;
    let long = format!("prometheus/label/{}/values", "a".repeat(2_000));
    let paths = [
        "prometheus/admin/tsdb/snapshot",
        "prometheus/status/config",
        "prometheus/../admin/tsdb/snapshot",
        "prometheus/query/../../admin/tsdb/snapshot",
        "prometheus/%2e%2e/admin/tsdb/snapshot",
        "prometheus/%2E%2E%2Fadmin",
        "prometheus/..%2f..%2fadmin",
        "prometheus/%252e%252e%252fadmin",
        "prometheus/..%252f..%252fadmin",
        "prometheus/..;/admin",
        "prometheus/..\\admin",
        "prometheus/..%5cadmin",
        "prometheus/.%2e/admin",
        "prometheus/%c0%ae%c0%ae/admin",
        "prometheus//admin",
        "prometheus//query",
        "/prometheus/query",
        "prometheus/./query",
        "prometheus/query/",
        "prometheus/query%00",
        "prometheus/query%3Fquery=up",
        "prometheus/%71uery",
        "prometheus%2fquery",
        "prometheus/query;x=y",
        "loki/push",
        "loki/delete",
        "loki/../../../api/prom/push",
        "alertmanager/../loki/query",
        "http://evil.example/query",
        "@evil.example/query",
        "prometheus@evil.example/query",
        "prometheus:80/query",
        "169.254.169.254/latest",
        "prometheus/label/../values",
        "prometheus/label/..%2f..%2f..%2fadmin%2ftsdb%2fsnapshot%3f/values",
        "prometheus/label/%2e%2e%2f%2e%2e%2fquery%3fquery=up%26/values",
        "prometheus/label/%252e%252e%252f/values",
        "prometheus/label/a%2fvalues%3fmatch[]=x%23/values",
        "prometheus/label/a%0d%0aX-Scope-OrgID:%20theirs/values",
        "prometheus/label/a%20HTTP%2f1.1%0d%0aHost:%20evil/values",
        "prometheus/label/a/b/values",
        "prometheus/label/a@evil.example/values",
        "prometheus/label/1a/values",
        "prometheus/label/%61/values",
        "loki/label/%2e%2e/values",
        &long,
    ];
    for path in paths {
        let answer = raw(&server, &format!("/api/v1/query/{path}"), "Host: localhost\r\n").await;
        // The one is no text, and so no path at all.
        let expected = if path.contains("%c0") { "\"invalid_path\"" } else { "\"query_path_not_allowed\"" };
        assert!(answer.contains(expected) && answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
    for target in
        ["/api/v1/query", "/api/v1/query/", "/api/v1/../v1/query/prometheus/query", "//api/v1/query/prometheus/query"]
    {
        let answer = raw(&server, target, "Host: localhost\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
    assert!(source.take_asked().is_empty());
}

#[tokio::test]
async fn no_name_of_a_dashboard_or_file_is_a_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("shown")).unwrap();
    std::fs::write(folder.path().join("secret.json"), r#"{"uid": "secret", "title": "Secret"}"#).unwrap();
    let shown = folder.path().join("shown");
    let server = Server::start_with(&[("VIEWER__DASHBOARDS_DIR", shown.to_str().unwrap())]).await;
    for name in ["../secret", "..%2fsecret", "%2e%2e%2fsecret.json", "..%5csecret", "secret", "%2fetc%2fpasswd"] {
        for path in ["/api/v1/dashboards", "/viewer"] {
            let answer = raw(&server, &format!("{path}/{name}"), "Host: localhost\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 404 "), "{path}/{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn no_host_in_a_target_and_no_line_end_leads_elsewhere() {
    let source = Source::start(Reply::json(200, "{}")).await;
    let server = server_with(&source).await;
    let path = "/api/v1/query/loki/query?query=a";
    let elsewhere = [
        (format!("http://evil.example{path}"), "\"unknown_host\""),
        (format!("http://localhost@evil.example{path}"), "\"unknown_host\""),
        (format!("http://localhost:80@evil.example:80{path}"), "\"unknown_host\""),
        (format!("http://localhost.evil.example{path}"), "\"unknown_host\""),
    ];
    for (target, code) in &elsewhere {
        let answer = raw(&server, target, "Host: localhost\r\n").await;
        assert!(answer.contains(code), "{target}: {answer}");
    }
    assert!(source.take_asked().is_empty());

    // A host of its own in the target changes nothing of who is asked.
    let answer = raw(&server, &format!("http://127.0.0.1:1{path}"), "Host: 127.0.0.1:1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let asked = source.take_asked().remove(0);
    assert_eq!(asked.headers["host"], source.url.strip_prefix("http://").unwrap());

    // Line ends, separators and a second tenant stay within the value.
    let value = "a%0d%0aX-Scope-OrgID:%20theirs%0d%0a%26limit=1%23%3f";
    let answer = raw(
        &server,
        &format!("/api/v1/query/loki/query?query={value}"),
        "Host: localhost\r\nX-Scope-OrgID: theirs\r\nAuthorization: Basic theirs\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let asked = source.take_asked().remove(0);
    assert_eq!(asked.target, "/loki/api/v1/query?query=a%0D%0AX-Scope-OrgID%3A+theirs%0D%0A%26limit%3D1%23%3F");
    let tenants: Vec<_> = asked.headers.get_all("x-scope-orgid").iter().collect();
    assert_eq!(tenants, ["ours"]);
    assert!(!asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_page_of_another_site_starts_no_query() {
    let source = Source::start(Reply::json(200, "{}")).await;
    let server = server_with(&source).await;
    let ask = |headers: &[(&str, &str)]| {
        let request = server.client.get(format!("{}/api/v1/query/prometheus/query?query=up", server.url));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://evil.example")],
    ] {
        problem(ask(headers).await.unwrap(), StatusCode::FORBIDDEN, "cross_site").await;
    }
    assert!(source.take_asked().is_empty());
    assert_eq!(server.metric("http_requests_refused_total{reason=\"cross_site\"}").await, Some(3.0));
    for headers in [&[][..], &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]] {
        assert_eq!(ask(headers).await.unwrap().status(), StatusCode::OK, "{headers:?}");
    }
    // Its own pages send forms, with their origin.
    let form = server.client.post(format!("{}/api/v1/query/prometheus/query", server.url));
    let form = form.header("content-type", "application/x-www-form-urlencoded").header("origin", &server.url);
    let form = form.header("sec-fetch-site", "same-origin").body("query=up");
    assert_eq!(form.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ended(&server, "prometheus", "answered").await, Some(4.0));
    // A link from elsewhere to a page is no query.
    let page = server.client.get(format!("{}/dashboards", server.url)).header("sec-fetch-site", "cross-site");
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
}
