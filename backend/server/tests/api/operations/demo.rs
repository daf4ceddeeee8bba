//! `belfry demo` against a real server, and what it refuses.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use belfry_test_support::ports::free_port;

use crate::api::support::server::{Server, command};

const SECRET: (&str, &str) = ("BILLING__WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

fn demo(url: &str, options: &[&str]) -> Output {
    demo_with(&[], url, options)
}

fn demo_with(variables: &[(&str, &str)], url: &str, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let variables: Vec<(String, String)> = variables.collect();
    // In an empty folder there is no `data`: the datasets inside the program must do.
    command(&variables, folder.path())
        .current_dir(folder.path())
        .args(["demo", "--url", url])
        .args(options)
        .output()
        .unwrap()
}

#[tokio::test]
async fn every_area_moves_and_every_answer_is_the_expected_one() {
    let server = Server::start_with(&[SECRET]).await;
    let output = demo_with(&[SECRET], &server.url, &["--for", "20s", "--rate", "10", "--seed", "7", "--billing"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("seed 7") && text.contains("upload, multipart"), "{text}");

    let mut moved = vec![
        r#"belfry_uploads_total{outcome="stored"}"#.to_owned(),
        r#"belfry_uploads_total{outcome="rejected"}"#.to_owned(),
        r#"belfry_uploads_total{outcome="cancelled"}"#.to_owned(),
        r#"belfry_cleanup_cycles_total{outcome="completed"}"#.to_owned(),
        r#"scheduler_jobs_total{job_name="ttl_cleanup",status="success"}"#.to_owned(),
        r#"http_requests_total{method="GET",endpoint="unmatched",status="404"}"#.to_owned(),
        r#"belfry_billing_events_total{type="payment.succeeded",outcome="stored"}"#.to_owned(),
        r#"belfry_billing_events_total{type="subscription.started",outcome="repeated"}"#.to_owned(),
        r#"belfry_billing_events_total{type="other",outcome="ignored"}"#.to_owned(),
        r#"belfry_billing_events_total{type="unread",outcome="refused"}"#.to_owned(),
        r#"belfry_revenue_minor_units_total{currency="JPY"}"#.to_owned(),
        r#"http_requests_total{method="POST",endpoint="/api/v1/runs",status="422"}"#.to_owned(),
    ];
    for algorithm in ["gradient_boosting", "random_forest", "logistic_regression", "elastic_net"] {
        moved.push(format!(r#"belfry_training_runs_total{{algorithm="{algorithm}",outcome="completed"}}"#));
    }
    for series in moved {
        assert!(server.metric(&series).await.unwrap_or_default() > 0.0, "{series} has not moved\n{text}");
    }
    let page = server.get("/metrics").await.text().await.unwrap();
    let sum = |start: &str| -> f64 {
        page.lines()
            .filter(|line| line.starts_with(start))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    assert!(sum("belfry_predictions_total") > 0.0, "{page}");
    assert_eq!(sum("errors_total"), 0.0, "{page}");
}

#[tokio::test]
async fn a_server_with_keys_takes_the_demo_with_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "an-operators-own-key-of-forty-characters\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = path.to_str().unwrap();
    let server = Server::start_with(&[("AUTH__MODE", "keys"), ("AUTH__ADMIN_KEY_FILE", key)]).await;
    let short = ["--for", "1s", "--rate", "1", "--seed", "7"];
    let output = demo(&server.url, &[&["--key-file", key][..], &short].concat());
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
    let output = demo(&server.url, &short);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("key_missing"),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn with_no_server_it_says_so_and_fails() {
    let free = format!("127.0.0.1:{}", free_port());
    let output = demo(&format!("http://{free}"), &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("no server answers at http://{free}")), "{error}");
}

#[test]
fn billing_events_need_the_secret_of_the_server() {
    let output = demo("http://127.0.0.1:9", &["--billing"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("--billing needs BILLING__WEBHOOK_SECRET"), "{error}");
}

#[test]
fn a_service_that_is_not_a_belfry_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = connection.read(&mut request).unwrap();
        connection
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"status\":\"ok\"}")
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let output = demo(&url, &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("is not a Belfry"), "{error}");
    assert!(asked.join().unwrap().starts_with("GET /health "));
}
