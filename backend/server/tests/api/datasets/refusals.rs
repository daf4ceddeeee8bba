//! Uploads that are refused or break off: what the client is told, and that nothing is left of them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, StatusCode};
use serde_json::{Value, json};

use crate::api::support::server::{Server, problem};
use crate::api::support::skipping::skipped_on_postgres;
use crate::api::support::uploads::{
    TABLE, assert_outcomes, await_files, generated, kept_files, post, send, stored, upload,
};

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Sends a table that must be refused with this code.
async fn refused(server: &Server, bytes: impl Into<Body>, code: &str) -> Value {
    problem(send(server, "text/csv", bytes).await, UNPROCESSABLE, code).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_the_place_to_look() {
    let server = Server::start().await;
    let ragged = refused(&server, "a,b\n1,2\n3\n", "ragged_row").await;
    assert_eq!((&ragged["line"], &ragged["column"]), (&json!(3), &json!(2)), "{ragged}");
    assert_eq!((&ragged["found"], &ragged["expected"]), (&json!("1 field"), &json!("2 fields, as in the header")));

    let latin = refused(&server, b"name,n\nCaf\xE9,1\n".to_vec(), "not_utf8").await;
    assert_eq!((&latin["line"], &latin["expected"]), (&json!(2), &json!("UTF-8 text")), "{latin}");

    let twice = refused(&server, "a,b,a\n1,2,3\n", "duplicate_column").await;
    assert_eq!((&twice["column"], &twice["column_name"]), (&json!(3), &json!("a")), "{twice}");

    let wide = (0..10_000).map(|index| format!("c{index}")).collect::<Vec<_>>().join(",");
    let wide = refused(&server, format!("{wide}\n"), "too_many_columns").await;
    assert_eq!(wide["expected"], "at most 2000 columns");

    let long = refused(&server, format!("a\n{}\n", "x".repeat(1 << 20)), "record_too_long").await;
    assert_eq!(long["line"], 2, "{long}");

    let empty = refused(&server, "", "empty_file").await;
    assert_eq!(empty["line"], 1);
    refused(&server, "\n\n", "empty_file").await;
    refused(&server, "1,2\n3,4\n", "no_header").await;
    refused(&server, "a,b\n", "no_rows").await;
    refused(&server, "a,\n1,2\n", "empty_column_name").await;
    refused(&server, "a,b\n1,\"2\n", "unclosed_quote").await;
    refused(&server, b"a,b\n1,\0\n".to_vec(), "not_text").await;
    refused(&server, b"PK\x03\x04\x14\0\x06\0".to_vec(), "not_text").await;
    refused(&server, [b"\x7FELF\x02\x01\x01\0".as_slice(), &[200; 5000]].concat(), "not_text").await;

    assert_outcomes(&server, &[("rejected", 14.0)]).await;
    assert_eq!(server.json("/api/v1/datasets").await["items"], json!([]));
    await_files(&server, 0).await;
}

#[tokio::test]
async fn damaged_gzip_is_refused() {
    let server = Server::start().await;
    let packed = gzip("a,b\n1,2\n".repeat(10_000).as_bytes());
    refused(&server, packed[..packed.len() - 20].to_vec(), "bad_gzip").await;
    problem(send(&server, "application/gzip", TABLE).await, UNPROCESSABLE, "bad_gzip").await;
    let inside = refused(&server, gzip(b"a,b\n1\n"), "ragged_row").await;
    assert_eq!(inside["line"], 2, "lines are those of the table, not of the packed file");
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_before_it_unfolds() {
    let server = Server::start_with(&[("UPLOAD__MAX_UNCOMPRESSED_BYTES", "10MiB")]).await;
    let bomb = gzip("a,b\n".bytes().chain("1,2\n".repeat(50 << 18).bytes()).collect::<Vec<_>>().as_slice());
    assert!(bomb.len() < 1 << 20);
    refused(&server, bomb, "too_large").await;
    assert_outcomes(&server, &[("too_large", 1.0)]).await;
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_by_its_ratio_or_its_time() {
    let bomb = gzip("a,b\n".bytes().chain("1,2\n".repeat(5 << 20).bytes()).collect::<Vec<_>>().as_slice());
    let server = Server::start_with(&[("UPLOAD__MAX_RATIO", "150")]).await;
    let ratio = refused(&server, bomb.clone(), "compression_ratio").await;
    assert_eq!(ratio["expected"], "at most 150 times", "{ratio}");
    assert_outcomes(&server, &[("too_large", 1.0)]).await;
    await_files(&server, 0).await;
    let settings = [("UPLOAD__MAX_RATIO", "1100"), ("UPLOAD__MAX_PROCESSING_TIME", "1ms")];
    let server = Server::start_with(&settings).await;
    let time = refused(&server, bomb, "processing_timeout").await;
    assert_eq!(time["expected"], "at most 1ms", "{time}");
    await_files(&server, 0).await;
}

#[tokio::test]
async fn what_a_client_sent_is_shown_in_part() {
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    let long = "x".repeat(1 << 20);
    let run = |changes: Value| {
        let mut run = json!({"dataset_id": dataset["id"], "target": "people"});
        run.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        run
    };
    let runs = [
        (run(json!({"target": long})), "unknown_target"),
        (run(json!({"algorithm": long})), "unknown_algorithm"),
        (run(json!({"task": long})), "unknown_task"),
        (run(json!({"params": {long.clone(): 1}})), "invalid_parameter"),
        (run(json!({"seed": long})), "invalid_parameter"),
        (run(json!({long.clone(): 1})), "invalid_body"),
        (run(json!({"task": [long]})), "invalid_body"),
    ];
    for (run, code) in runs {
        let told = problem(server.post("/api/v1/runs", &run).await, UNPROCESSABLE, code).await;
        assert!(told.to_string().len() < 4096, "{code}: {} bytes", told.to_string().len());
        let words = told["detail"].as_str().unwrap();
        assert!(words.contains("expected"), "the end of the sentence is there: {words}");
    }
    let header = refused(&server, format!("a,{}\n1\n", "n".repeat(100_000)), "ragged_row").await;
    assert!(header.to_string().len() < 1024, "{header}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so() {
    let server = Server::start_with(&[("UPLOAD__MAX_BYTES", "1MiB")]).await;
    let table = format!("a\n{}", "1\n".repeat(1 << 20));
    let too_large = StatusCode::PAYLOAD_TOO_LARGE;
    problem(send(&server, "text/csv", table.clone()).await, too_large, "too_large").await;
    problem(send(&server, "text/csv", generated(64 << 20)).await, too_large, "too_large").await;
    let form = |table: String| Form::new().part("file", Part::bytes(table.into_bytes()).file_name("t.csv"));
    problem(post(&server, "").multipart(form(table)).send().await.unwrap(), too_large, "too_large").await;
    let large = format!("a\n{}", "1\n".repeat(8 << 20));
    problem(post(&server, "").multipart(form(large)).send().await.unwrap(), too_large, "too_large").await;
    assert_outcomes(&server, &[("too_large", 4.0)]).await;
    await_files(&server, 0).await;
    let fits = format!("a\n{}", "1\n".repeat((1 << 19) - 1));
    assert_eq!(upload(&server, "", fits).await["size_bytes"], 1 << 20, "the limit itself is allowed");
}

#[tokio::test]
async fn a_form_that_is_not_as_expected_is_refused() {
    let server = Server::start().await;
    let file = || Part::text(TABLE).file_name("t.csv");
    let forms = [
        Form::new(),
        Form::new().text("name", "x"),
        Form::new().part("file", file()).text("name", "too late"),
        Form::new().part("file", file()).part("file", file()),
        Form::new().text("colour", "red").part("file", file()),
        Form::new().text("name", "x".repeat(5000)).part("file", file()),
    ];
    let count = forms.len() as f64;
    for form in forms {
        let answer = post(&server, "").multipart(form).send().await.unwrap();
        problem(answer, StatusCode::BAD_REQUEST, "invalid_form").await;
    }
    let form = |body: &'static str| send(&server, "multipart/form-data; boundary=X", body);
    problem(form("").await, StatusCode::BAD_REQUEST, "invalid_form").await;
    let cut = "--X\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\na,b\n1,2\n";
    problem(form(cut).await, StatusCode::BAD_REQUEST, "invalid_form").await;
    let without = send(&server, "multipart/form-data", TABLE).await;
    problem(without, StatusCode::BAD_REQUEST, "invalid_form").await;
    assert_outcomes(&server, &[("rejected", count + 3.0)]).await;
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_form_that_never_comes_to_its_fields_is_refused_early() {
    let server = Server::start().await;
    let endless =
        Body::wrap_stream(futures::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>("x".repeat(1 << 20)))));
    let answer = send(&server, "multipart/form-data; boundary=X", endless).await;
    let answer = problem(answer, StatusCode::BAD_REQUEST, "invalid_form").await;
    assert_eq!(answer["detail"], "multipart overhead exceeds the limit");
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let server = Server::start().await;
    let other = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    for kind in ["application/json", "application/x-www-form-urlencoded", "text/html"] {
        let told = problem(send(&server, kind, TABLE).await, other, "unsupported_media_type").await;
        let found = format!("Content-Type: found {:?}, expected", kind.split(';').next().unwrap());
        assert!(told["detail"].as_str().unwrap().starts_with(&found), "{told}");
    }
    let encoded = post(&server, "").header("content-type", "text/csv").header("content-encoding", "br");
    problem(encoded.body(TABLE).send().await.unwrap(), other, "unsupported_media_type").await;
}

#[tokio::test]
async fn a_life_that_is_not_allowed_is_refused_by_name() {
    let server = Server::start_with(&[("RETENTION__MAX_TTL", "30d")]).await;
    for ttl in ["59", "2592001", "never", "soon", "-1", "1.5"] {
        let answer = post(&server, &format!("?ttl_seconds={ttl}")).body(TABLE).send().await.unwrap();
        let answer = problem(answer, UNPROCESSABLE, "invalid_ttl").await;
        assert_eq!(answer["found"], ttl);
        assert_eq!(answer["expected"], "a whole number of seconds from 60 to 2592000");
    }
    let form = Form::new().text("ttl_seconds", "1").part("file", Part::text(TABLE));
    problem(post(&server, "").multipart(form).send().await.unwrap(), UNPROCESSABLE, "invalid_ttl").await;
    let answer = post(&server, "?ttl=60").body(TABLE).send().await.unwrap();
    problem(answer, StatusCode::BAD_REQUEST, "invalid_query").await;
    await_files(&server, 0).await;
}

#[tokio::test]
async fn a_name_that_is_a_path_stays_a_name() {
    let server = Server::start().await;
    let names = ["../../../../tmp/belfry-escaped", "/etc/passwd", r"..\..\windows", "a/../..", "x\u{0}y\r\n"];
    let expected = ["belfry-escaped", "passwd", "windows", "dataset", "xy"];
    for (name, expected) in names.iter().zip(expected) {
        let form = Form::new().text("name", *name).part("file", Part::text(TABLE).file_name("../../../t.csv"));
        let dataset = stored(post(&server, "").multipart(form).send().await.unwrap()).await;
        assert_eq!(dataset["name"], expected, "{name:?}");
    }
    let form = Form::new().part("file", Part::text(TABLE).file_name("../../../../tmp/belfry-escaped"));
    let dataset = stored(post(&server, "").multipart(form).send().await.unwrap()).await;
    assert_eq!(dataset["name"], "belfry-escaped");
    assert!(!std::path::Path::new("/tmp/belfry-escaped").exists());
    for file in kept_files(&server) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(uuid::Uuid::parse_str(&name).is_ok(), "{name}");
    }
}

#[tokio::test]
async fn an_id_that_is_a_path_is_not_found() {
    let server = Server::start().await;
    for id in ["..%2f..%2fbelfry.db", "%2e%2e", "nothing", "%00"] {
        let answer = server.get(&format!("/api/v1/datasets/{id}/content")).await;
        problem(answer, StatusCode::NOT_FOUND, "not_found").await;
        let answer = server.client.delete(format!("{}/api/v1/datasets/{id}", server.url)).send().await.unwrap();
        problem(answer, StatusCode::NOT_FOUND, "not_found").await;
    }
}

#[tokio::test]
async fn a_broken_store_is_our_failure_and_leaves_nothing() {
    let server = Server::start().await;
    upload(&server, "", TABLE).await;
    // Nothing can be made below a file.
    let folder = server.folder.path().join("files/datasets");
    std::fs::rename(&folder, server.folder.path().join("aside")).unwrap();
    std::fs::write(&folder, "").unwrap();
    problem(send(&server, "text/csv", TABLE).await, StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable").await;
    assert_outcomes(&server, &[("failed", 1.0), ("stored", 1.0)]).await;
    server.await_metric(r#"errors_total{error_type="storage_unavailable",component="storage"}"#, 1.0).await;
    assert_eq!(server.metric("belfry_datasets").await, Some(1.0));
}

#[tokio::test]
async fn a_row_that_cannot_be_written_takes_its_file_with_it() {
    if skipped_on_postgres("no fault can be put into the database") {
        return;
    }
    let server = Server::start().await;
    let file = server.folder.path().join("belfry.db");
    let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON datasets BEGIN SELECT RAISE(ABORT, 'fault'); END";
    sqlx::query(fault).execute(&pool).await.unwrap();
    let answer = send(&server, "text/csv", TABLE).await;
    problem(answer, StatusCode::INTERNAL_SERVER_ERROR, "database_unavailable").await;
    assert_outcomes(&server, &[("failed", 1.0)]).await;
    assert_eq!(kept_files(&server), Vec::<std::path::PathBuf>::new());
    sqlx::query("DROP TRIGGER fault").execute(&pool).await.unwrap();
    upload(&server, "", TABLE).await;
}
