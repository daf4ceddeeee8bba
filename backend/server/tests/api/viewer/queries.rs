//! Queries that are answered: what a source is asked, and what comes back.

use std::io::Write;

use belfry_test_support::eventually;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{ended, header, plain_client};
use crate::api::support::prometheus::{Prometheus, there_is_no_prometheus};
use crate::api::support::server::{PATIENCE, Server};
use crate::api::support::source::{Reply, Source};

const FORM: &str = "application/x-www-form-urlencoded";

const ANSWER: &str = r#"{"status":"success","data":{}}"#;

#[tokio::test]
async fn a_source_is_asked_what_is_on_the_list_and_nothing_else() {
    let source = Source::start(Reply::json(200, ANSWER).with("set-cookie", "a=b").with("x-other", "c")).await;
    let with_path = format!("{}/prefix/", source.url);
    let settings = [
        ("PROMETHEUS__URL", source.url.as_str()),
        ("VIEWER__LOKI_URL", &with_path),
        ("VIEWER__ALERTMANAGER_URL", &source.url),
        ("LOKI__TENANT", "north"),
        ("LOKI__BEARER_TOKEN", "s3cret"),
        ("PROMETHEUS__BEARER_TOKEN", "for-the-page"),
    ];
    let server = Server::start_with(&settings).await;
    let client = plain_client();
    let cases = [
        ("prometheus/query?query=up&time=12", "/api/v1/query?query=up&time=12.000&timeout=30.000"),
        (
            "prometheus/label/job/values?match[]=up&start=100&end=200",
            "/api/v1/label/job/values?match%5B%5D=up&start=100.000&end=200.000",
        ),
        ("prometheus/targets", "/api/v1/targets"),
        ("prometheus/status/buildinfo?", "/api/v1/status/buildinfo"),
        ("loki/query?query=%7Ba%3D%22b%22%7D&limit=5", "/prefix/loki/api/v1/query?query=%7Ba%3D%22b%22%7D&limit=5"),
        ("alertmanager/alerts?active=true", "/api/v2/alerts?active=true"),
    ];
    for (path, expected) in cases {
        let request = client.get(format!("{}/api/v1/query/{path}", server.url));
        // What a client must not be able to pass on.
        let request = ["authorization", "cookie", "x-scope-orgid", "x-forwarded-for", "x-other", "referer"]
            .into_iter()
            .fold(request, |request, name| request.header(name, "theirs"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let headers = answer.headers().clone();
        assert_eq!(answer.text().await.unwrap(), ANSWER);
        assert_eq!(header(&headers, "content-type"), "application/json");
        assert_eq!(header(&headers, "cache-control"), "no-store");
        assert!(!headers.contains_key("set-cookie") && !headers.contains_key("x-other"), "{headers:?}");

        let asked = source.take_asked();
        let [asked] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!((&asked.method, asked.target.as_str()), (&Method::GET, expected));
        let sent = format!("{:?}", asked.headers);
        assert!(!sent.contains("theirs") && !sent.contains("for-the-page"), "{sent}");
        let is_loki = path.starts_with("loki/");
        assert_eq!(header(&asked.headers, "x-scope-orgid"), if is_loki { "north" } else { "" }, "{path}");
        assert_eq!(header(&asked.headers, "authorization"), if is_loki { "Bearer s3cret" } else { "" }, "{path}");
    }

    // A long one comes as a form, and goes on as one.
    let expression = format!("up{{instance=~\"{}\"}}", "a|".repeat(5_000));
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("query", expression.as_str()), ("start", "0"), ("end", "60"), ("step", "15")])
        .finish();
    let post = client.post(format!("{}/api/v1/query/prometheus/query_range", server.url));
    let answer =
        post.header("content-type", FORM).header("origin", &server.url).body(form.clone()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let asked = source.take_asked().remove(0);
    assert_eq!((asked.method, asked.target.as_str()), (Method::POST, "/api/v1/query_range"));
    assert_eq!(header(&asked.headers, "content-type"), FORM);
    let rebuilt =
        form.replace("start=0", "start=0.000").replace("end=60", "end=60.000").replace("step=15", "step=15.000");
    assert_eq!(asked.body, format!("{rebuilt}&timeout=30.000"));

    let page = client.get(format!("{}/metrics", server.url)).bearer_auth("for-the-page").send().await.unwrap();
    let page = page.text().await.unwrap();
    // Calls are counted by the template of the source's path, with no name of a label in it.
    let counted = [
        r#"belfry_viewer_queries_total{source="prometheus",outcome="answered"} 5"#,
        r#"belfry_viewer_queries_total{source="loki",outcome="answered"} 1"#,
        r#"external_api_requests_total{service="prometheus",endpoint="/api/v1/label/{name}/values",status="200"} 1"#,
        r#"http_requests_total{method="GET",endpoint="/api/v1/query/{*path}",status="200"} 6"#,
    ];
    for line in counted {
        assert!(page.lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test]
async fn an_answer_is_passed_on_compressed_as_it_came() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(ANSWER.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let reply = Reply::json(200, "").with("content-encoding", "gzip").with_body(packed.clone());
    let source = Source::start(reply).await;
    let server = Server::start_with(&[("PROMETHEUS__URL", &source.url)]).await;
    let address = format!("{}/api/v1/query/prometheus/alerts", server.url);
    let answer = plain_client().get(&address).header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(header(answer.headers(), "content-encoding"), "gzip");
    assert_eq!(header(answer.headers(), "vary"), "accept-encoding");
    assert_eq!(answer.bytes().await.unwrap(), packed);
    assert_eq!(header(&source.take_asked()[0].headers, "accept-encoding"), "gzip");

    // For a client that takes none, none is asked for.
    let long = format!("[{}1]", "1,".repeat(200_000));
    source.answer_with(Reply::json(200, &long));
    let answer = plain_client().get(&address).send().await.unwrap();
    assert_eq!(header(answer.headers(), "content-encoding"), "");
    assert_eq!(header(answer.headers(), "content-length"), long.len().to_string());
    assert_eq!(answer.text().await.unwrap(), long);
    assert_eq!(header(&source.take_asked()[0].headers, "accept-encoding"), "identity");

    let head = plain_client().head(&address).send().await.unwrap();
    assert_eq!(
        (head.status(), header(head.headers(), "content-length")),
        (StatusCode::OK, long.len().to_string().as_str())
    );
}

#[tokio::test]
async fn a_real_prometheus_answers_the_queries_of_the_pages() {
    if there_is_no_prometheus() {
        return;
    }
    let mut server = Server::start().await;
    let scraper = Prometheus::start(&server.url);
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    server.stop().await;
    server.start_again(&[("PROMETHEUS__URL", &scraper.url), ("SERVER__PORT", &port)]);
    let ask = async |path: &str| {
        let answer = server.get(&format!("/api/v1/query/prometheus/{path}")).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        (status, body)
    };
    eventually("the server is scraped", PATIENCE, async || {
        let (_, answer) = ask("query?query=up%7Bjob%3D%22backend%22%7D").await;
        if answer["data"]["result"][0]["value"][1] == "1" { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    let now = jiff::Timestamp::now().as_second();
    let range = format!("query_range?query=up&start={}&end={now}&step=15s", now - 3600);
    let all = [
        range.as_str(),
        "labels?match[]=up",
        "label/job/values",
        "series?match[]=up",
        "targets?state=active",
        "rules?type=alert",
        "alerts",
        "status/buildinfo",
    ];
    for path in all {
        let (status, answer) = ask(path).await;
        assert_eq!((status, &answer["status"]), (StatusCode::OK, &"success".into()), "{path}: {answer}");
    }
    let (_, targets) = ask("targets?state=active").await;
    assert_eq!(targets["data"]["activeTargets"][0]["health"], "up", "{targets}");
    // What it refuses, it says itself.
    let (status, answer) = ask("query?query=rate(up").await;
    assert_eq!((status, &answer["errorType"]), (StatusCode::BAD_REQUEST, &"bad_data".into()), "{answer}");
    // It takes no more points than are let through.
    let (status, answer) = ask("query_range?query=up&start=0&end=11000&step=1").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, answer) = ask("query_range?query=up&start=0&end=11001&step=1").await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"query_too_many_points".into()),
        "{answer}"
    );
    assert_eq!(ended(&server, "prometheus", "refused_by_source").await, Some(1.0));

    drop(scraper);
    let (status, answer) = ask("query?query=up").await;
    assert_eq!((status, &answer["code"]), (StatusCode::BAD_GATEWAY, &"query_source_unreachable".into()), "{answer}");
}
