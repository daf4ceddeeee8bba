//! The page, the files that it loads, and the way to it.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{header, plain_client, raw};
use crate::api::support::server::{Server, problem};

/// Each page and its file.
const PAGES: [(&str, &str); 6] = [
    ("/dashboards", "index.html"),
    ("/dashboards/backend-overview", "dashboard.html"),
    ("/targets", "index.html"),
    ("/rules", "index.html"),
    ("/alerts", "index.html"),
    ("/runbook", "index.html"),
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn built(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../viewer/dist").join(name)).unwrap()
}

/// The files that the page of a dashboard loads, by the paths in it: those of the other pages are among them.
fn loaded() -> Vec<String> {
    let page = String::from_utf8(built("dashboard.html")).unwrap();
    let paths = page.split('"').filter(|text| text.starts_with("/viewer/")).map(str::to_owned);
    paths.collect()
}

#[tokio::test]
async fn browsers_are_led_to_the_first_dashboard_and_programs_told() {
    let server = Server::start().await;
    let client = plain_client();
    let ask =
        |method: Method, accept: &str| client.request(method, format!("{}/", server.url)).header("accept", accept);
    for method in [Method::GET, Method::HEAD] {
        let answer = ask(method, "text/html,application/xhtml+xml,*/*;q=0.8").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(header(answer.headers(), "location"), "/dashboards/backend-overview");
        assert_eq!(header(answer.headers(), "vary"), "accept");
    }
    for accept in ["*/*", "application/json"] {
        let answer = ask(Method::GET, accept).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{accept}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["service"], "belfry");
        for (name, path) in told["links"].as_object().unwrap() {
            let answer = server.get(path.as_str().unwrap()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}: {path}");
        }
    }
    // Each under the template of its route.
    for (endpoint, status) in [("/", "302"), ("/", "200"), ("/dashboards", "200"), ("/targets", "200")] {
        let series = format!("http_requests_total{{method=\"GET\",endpoint=\"{endpoint}\",status=\"{status}\"}}");
        assert!(server.metric(&series).await >= Some(1.0), "{series}");
    }
}

#[tokio::test]
async fn every_page_is_one_file_under_a_policy_of_its_own() {
    let server = Server::start().await;
    let client = plain_client();
    let ask = |method: Method, path: &str| client.request(method, format!("{}{path}", server.url));
    for (path, file) in PAGES {
        let answer = ask(Method::GET, path).send().await.unwrap();
        let headers = answer.headers().clone();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&headers, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&headers, "content-security-policy"), POLICY);
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(header(&headers, "referrer-policy"), "no-referrer");
        assert_eq!(header(&headers, "cache-control"), "no-cache");
        assert_eq!(answer.bytes().await.unwrap(), built(file), "{path}");

        // Known already: a 304, under the same policy.
        let again = ask(Method::GET, path).header("if-none-match", header(&headers, "etag")).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(header(again.headers(), "content-security-policy"), POLICY);
        assert_eq!(again.bytes().await.unwrap(), "");

        let head = ask(Method::HEAD, path).send().await.unwrap();
        assert_eq!((head.status(), header(head.headers(), "etag")), (StatusCode::OK, header(&headers, "etag")));
        assert_eq!(header(head.headers(), "content-length"), built(file).len().to_string());
        problem(ask(Method::POST, path).send().await.unwrap(), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
            .await;
    }
    // All else has the policy that it had.
    let api = ask(Method::GET, "/api/v1/dashboards").send().await.unwrap();
    assert_eq!(header(api.headers(), "content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn grafanas_address_of_a_dashboard_leads_to_ours() {
    let server = Server::start().await;
    let client = plain_client();
    for (path, leads_to) in [
        ("/d/http?from=now-1h&var-job=a", "/dashboards/http?from=now-1h&var-job=a"),
        ("/d/backend-overview/backend-monitoring-overview", "/dashboards/backend-overview"),
    ] {
        let answer = client.get(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(
            (answer.status(), header(answer.headers(), "location")),
            (StatusCode::SEE_OTHER, leads_to),
            "{path}"
        );
    }
    for path in ["/d/%2f%2fevil.example", "/d/a%0d%0ab", "/d/%2e%2e%2fa", "/d/a.b"] {
        let answer = client.get(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_is_compressed_as_the_browser_takes_it() {
    let server = Server::start().await;
    let client = plain_client();
    let ask = async |encodings: &str| {
        let request = client.get(format!("{}/dashboards", server.url)).header("accept-encoding", encodings);
        let answer = request.send().await.unwrap();
        assert_eq!(header(answer.headers(), "vary"), "accept-encoding");
        (header(answer.headers(), "content-encoding").to_owned(), answer.bytes().await.unwrap())
    };
    let (encoding, bytes) = ask("gzip, deflate, br, zstd").await;
    let mut unpacked = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!((encoding.as_str(), unpacked), ("gzip", built("index.html")));
    assert!(bytes.len() < built("index.html").len(), "{}", bytes.len());
    let (encoding, bytes) = ask("gzip;q=0").await;
    assert_eq!((encoding.as_str(), bytes.to_vec()), ("", built("index.html")));
}

#[tokio::test]
async fn what_the_page_loads_is_kept_for_good_and_nothing_else_is() {
    let server = Server::start().await;
    let paths = loaded();
    assert!(paths.len() >= 3, "{paths:?}");
    for path in &paths {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(header(answer.headers(), "cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert_ne!(header(answer.headers(), "content-type"), "application/octet-stream", "{path}");
        assert!(!header(answer.headers(), "etag").is_empty(), "{path}");
        assert_eq!(answer.bytes().await.unwrap(), built(path.strip_prefix("/viewer/").unwrap()), "{path}");
    }
    // The page itself is not among them: it would lack its policy.
    for path in [
        "/viewer/index.html",
        "/viewer/dashboard.html",
        "/viewer/none-01234567.js",
        "/viewer/",
        "/viewer",
        "/dashboards/a/b",
        "/targets/x",
    ] {
        problem(server.get(path).await, StatusCode::NOT_FOUND, "not_found").await;
    }
    for target in ["/viewer/../Cargo.toml", "/viewer/..%2f..%2fCargo.toml", "/viewer/%2e%2e%2fdist%2findex.html"] {
        let answer = raw(&server, target, "Host: localhost\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
}

#[tokio::test]
async fn the_runbook_of_the_repository_is_in_the_program() {
    let server = Server::start().await;
    let answer = server.get("/viewer/runbook.md").await;
    assert_eq!(header(answer.headers(), "content-type"), "text/markdown; charset=utf-8");
    // Its name stays when it changes.
    assert_eq!(header(answer.headers(), "cache-control"), "no-cache");
    let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook.md")).unwrap();
    assert!(answer.bytes().await.unwrap() == file, "it is another one than its file");
}

#[tokio::test]
async fn a_page_is_told_what_there_is_and_what_to_do() {
    let links = [
        ("VIEWER__GRAFANA_LINK", "http://grafana.example:3001/"),
        ("VIEWER__ALERTMANAGER_URL", "http://127.0.0.1:9"),
        ("VIEWER__PROMETHEUS_LINK", "https://prometheus.example/base/"),
        ("VIEWER__SCRAPE_INTERVAL", "5s"),
        ("VIEWER__QUERY_TIMEOUT", "1500ms"),
        ("VIEWER__QUERY_WAIT", "1s"),
        ("VIEWER__MAX_QUERY_POINTS", "500"),
        ("APP__ENVIRONMENT", "staging"),
        ("PROMETHEUS__ENABLED", "false"),
    ];
    let server = Server::start_with(&links).await;
    let told = server.json("/api/v1/viewer").await;
    assert_eq!(told["service"], "belfry");
    assert_eq!(told["environment"], "staging");
    assert_eq!(told["metrics_enabled"], false);
    assert_eq!(told["scrape_interval_seconds"], 5.0);
    assert_eq!(told["grafana_url"], "http://grafana.example:3001");
    assert_eq!(told["prometheus_url"], "https://prometheus.example/base");
    assert_eq!(told["alertmanager_url"], Value::Null);
    // The longest that a query waits for its turn and then runs.
    assert_eq!((&told["query_deadline_seconds"], &told["max_query_points"]), (&2.5.into(), &500.into()));
    let sources = &told["sources"];
    assert_eq!(sources["alertmanager"]["configured"], true);
    for (source, setting) in [("prometheus", "PROMETHEUS__URL"), ("loki", "VIEWER__LOKI_URL")] {
        assert_eq!(sources[source]["configured"], false, "{source}");
        assert!(sources[source]["hint"].as_str().unwrap().contains(setting), "{sources}");
    }
    // The pages work without metrics.
    assert_eq!(server.get("/dashboards").await.status(), StatusCode::OK);
    let told: Value = server.json("/").await;
    assert_eq!(told["links"]["metrics"], Value::Null);
}

#[tokio::test]
async fn switched_off_there_are_no_pages_and_no_queries() {
    let server = Server::start_with(&[("VIEWER__ENABLED", "false"), ("PROMETHEUS__URL", "http://127.0.0.1:9")]).await;
    for path in [
        "/",
        "/dashboards",
        "/targets",
        "/runbook",
        "/viewer/runbook.md",
        "/api/v1/viewer",
        "/api/v1/dashboards",
        "/api/v1/query/prometheus/query?query=up",
    ] {
        problem(server.get(path).await, StatusCode::NOT_FOUND, "not_found").await;
    }
    assert_eq!(server.get("/api/v1/datasets").await.status(), StatusCode::OK);
}
