//! Sources that do not answer as they should, and queries beyond the limits: each has its code, and says what to do.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode as Status;
use serde_json::Value;

use super::{ended, plain_client};
use crate::api::support::server::{Server, problem};
use crate::api::support::source::{Reply, Source};

#[tokio::test]
async fn a_source_that_fails_is_told_by_its_code() {
    let elsewhere = Source::start(Reply::json(200, "{}")).await;
    let source = Source::start(Reply::Never).await;
    // Nobody listens on port 9.
    let settings = [
        ("VIEWER__LOKI_URL", source.url.as_str()),
        ("VIEWER__ALERTMANAGER_URL", "http://127.0.0.1:9"),
        ("VIEWER__QUERY_TIMEOUT", "300ms"),
        ("VIEWER__MAX_ANSWER_BYTES", "64KiB"),
    ];
    let server = Server::start_with(&settings).await;
    let ask = async |status: Status, code: &str, says: &str| {
        let request = plain_client().get(format!("{}/api/v1/query/loki/labels", server.url));
        let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
        let problem = problem(answer, status, code).await;
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    };
    ask(Status::GATEWAY_TIMEOUT, "query_timeout", "within 0.3 s, expected one within VIEWER__QUERY_TIMEOUT").await;
    source.answer_with(Reply::Endless);
    ask(Status::BAD_GATEWAY, "query_answer_too_large", "VIEWER__MAX_ANSWER_BYTES (65536)").await;
    source.answer_with(Reply::Cut);
    ask(Status::BAD_GATEWAY, "query_source_unreachable", "Loki closed the connection before").await;
    source.answer_with(Reply::json(302, "{}").with("location", &elsewhere.url));
    ask(Status::BAD_GATEWAY, "query_answer_invalid", "found a redirect (status 302)").await;
    assert!(elsewhere.take_asked().is_empty(), "the redirect was followed");
    source.answer_with(Reply::typed(200, "text/html", "<script>alert(1)</script>"));
    ask(Status::BAD_GATEWAY, "query_answer_invalid", "found \"text/html\" (status 200), expected application/json")
        .await;
    source.answer_with(Reply::json(200, "no gzip").with("content-encoding", "gzip"));
    ask(Status::BAD_GATEWAY, "query_answer_invalid", "cannot be unpacked").await;
    source.answer_with(Reply::json(200, "{}").with("content-encoding", "br"));
    ask(Status::BAD_GATEWAY, "query_answer_invalid", "cannot be unpacked").await;
    source.answer_with(Reply::typed(500, "text/plain", "broken\nhere"));
    ask(Status::BAD_GATEWAY, "query_source_unreachable", "Loki answers 500: broken here").await;
    source.answer_with(Reply::json(503, r#"{"status":"error","errorType":"timeout","error":"x"}"#));
    ask(Status::GATEWAY_TIMEOUT, "query_timeout", "Loki stopped the query because it took too long").await;
    source.answer_with(Reply::typed(400, "text/plain", "parse error at line 1"));
    ask(Status::BAD_REQUEST, "query_refused", "Loki answers 400: parse error at line 1").await;

    // A small answer that unpacks to a large one.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 50 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 60_000, "{}", bomb.len());
    source.answer_with(Reply::json(200, "").with("content-encoding", "gzip").with_body(bomb));
    ask(Status::BAD_GATEWAY, "query_answer_too_large", "VIEWER__MAX_ANSWER_BYTES").await;

    // A large one that unpacks to a small one: a gzip header, then empty blocks (RFC 1951, section 3.2.4).
    let mut empty_blocks = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    empty_blocks.extend(b"\0\0\0\xff\xff".repeat(20_000));
    source.answer_with(Reply::json(200, "").with("content-encoding", "gzip").with_body(empty_blocks));
    ask(Status::BAD_GATEWAY, "query_answer_too_large", "VIEWER__MAX_ANSWER_BYTES").await;

    // What is JSON is passed on with its status, whether it is well-formed or not: it is the page's to read.
    for (status, body) in [(429, r#"{"status":"error"}"#), (200, "{")] {
        source.answer_with(Reply::json(status, body));
        let answer = server.get("/api/v1/query/loki/labels").await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.text().await.unwrap(), body);
    }

    let away = server.get("/api/v1/query/alertmanager/silences").await;
    problem(away, Status::BAD_GATEWAY, "query_source_unreachable").await;
    let unconfigured = server.get("/api/v1/query/prometheus/query?query=up").await;
    let told = problem(unconfigured, Status::NOT_FOUND, "query_source_unconfigured").await;
    assert!(told["detail"].as_str().unwrap().contains("set PROMETHEUS__URL"), "{told}");

    for (source, outcome, expected) in [
        ("loki", "timeout", 2.0),
        ("loki", "too_large", 3.0),
        ("loki", "unreachable", 2.0),
        ("loki", "invalid", 4.0),
        ("loki", "refused_by_source", 2.0),
        ("loki", "answered", 1.0),
        ("alertmanager", "unreachable", 1.0),
        ("prometheus", "refused", 1.0),
    ] {
        assert_eq!(ended(&server, source, outcome).await, Some(expected), "{source} {outcome}");
    }
    let call = |status: &str| {
        format!("external_api_requests_total{{service=\"loki\",endpoint=\"/loki/api/v1/labels\",status=\"{status}\"}}")
    };
    for (status, expected) in [("timeout", 1.0), ("broken", 1.0), ("302", 1.0), ("500", 1.0), ("503", 1.0)] {
        assert_eq!(server.metric(&call(status)).await, Some(expected), "{status}");
    }
    // A source that is away is no fault of this server.
    let page = server.get("/metrics").await.text().await.unwrap();
    assert!(!page.contains("errors_total{error_type=\"query_"), "{page}");
}

#[tokio::test]
async fn a_query_beyond_the_limits_never_reaches_its_source() {
    let source = Source::start(Reply::json(200, "{}")).await;
    let settings = [
        ("PROMETHEUS__URL", source.url.as_str()),
        ("VIEWER__MAX_QUERY_RANGE", "1d"),
        ("VIEWER__MAX_QUERY_POINTS", "100"),
        ("VIEWER__MAX_QUERY_BYTES", "256B"),
    ];
    let server = Server::start_with(&settings).await;
    let long = "a".repeat(257);
    let cases = [
        ("query_range?query=up&start=0&end=86401&step=1h".to_owned(), 422, "query_too_long"),
        ("query_range?query=up&start=0&end=101&step=1".to_owned(), 422, "query_too_many_points"),
        (format!("query?query={long}"), 422, "query_too_long"),
        ("query?query=up&query=down".to_owned(), 400, "invalid_query"),
        ("query?query=up&dedup=true".to_owned(), 400, "invalid_query"),
        ("query".to_owned(), 400, "invalid_query"),
    ];
    for (path, status, code) in &cases {
        let answer = server.get(&format!("/api/v1/query/prometheus/{path}")).await;
        problem(answer, Status::from_u16(*status).unwrap(), code).await;
    }
    let post = |path: &str, content_type: &str, body: String| {
        let request = server.client.post(format!("{}/api/v1/query/prometheus/{path}", server.url));
        request.header("content-type", content_type.to_owned()).body(body).send()
    };
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let answer = post("query", form, format!("query={long}")).await.unwrap();
    problem(answer, Status::UNPROCESSABLE_ENTITY, "query_too_long").await;
    let answer = post("query", form, format!("query={}", "%61".repeat(2_000))).await.unwrap();
    problem(answer, Status::PAYLOAD_TOO_LARGE, "too_large").await;
    let answer = post("query", "application/json", "{}".to_owned()).await.unwrap();
    problem(answer, Status::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type").await;
    let address = format!("{}/api/v1/query/prometheus/query", server.url);
    let packed =
        server.client.post(address).header("content-type", form).header("content-encoding", "gzip").body("query=up");
    let answer = packed.send().await.unwrap();
    problem(answer, Status::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type").await;
    let answer = post("labels", form, "match[]=up".to_owned()).await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET,HEAD");
    problem(answer, Status::METHOD_NOT_ALLOWED, "method_not_allowed").await;
    // A query string beside a form counts with it.
    let answer = post("query?query=a", form, "query=b".to_owned()).await.unwrap();
    problem(answer, Status::BAD_REQUEST, "invalid_query").await;
    let deleted = server.client.delete(format!("{}/api/v1/query/prometheus/query", server.url)).send().await.unwrap();
    problem(deleted, Status::METHOD_NOT_ALLOWED, "method_not_allowed").await;
    assert!(source.take_asked().is_empty());

    let fine = server.json("/api/v1/query/prometheus/query_range?query=up&start=0&end=100&step=1").await;
    assert_eq!(fine, Value::Object(serde_json::Map::new()));
    assert_eq!(source.take_asked().len(), 1);
}
