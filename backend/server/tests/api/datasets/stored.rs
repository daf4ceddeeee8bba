//! Datasets that are taken: uploaded, listed, read back, deleted, expired.

use std::io::Write;
use std::time::Duration;

use belfry_test_support::s3::S3;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::support::server::{Server, problem, shipped};
use crate::api::support::uploads::{
    TABLE, assert_outcomes, await_files, generated, kept_files, post, send, sha256, stored, upload,
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn content(server: &Server, dataset: &Value) -> Vec<u8> {
    let response = server.get(&format!("/api/v1/datasets/{}/content", dataset["id"].as_str().unwrap())).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn a_raw_body_becomes_a_dataset_with_its_columns() {
    let server = Server::start().await;
    let dataset = upload(&server, "?name=cities.csv&ttl_seconds=3600", TABLE).await;
    assert_eq!(dataset["name"], "cities.csv");
    assert_eq!(dataset["format"], "csv");
    assert_eq!(dataset["size_bytes"], TABLE.len());
    assert_eq!(dataset["sha256"], sha256(TABLE.as_bytes()));
    assert_eq!(dataset["rows"], 2);
    let columns = json!([
        { "name": "city", "type": "text", "missing": 0 },
        { "name": "people", "type": "number", "missing": 1 },
        { "name": "coast", "type": "boolean", "missing": 0 },
    ]);
    assert_eq!(dataset["columns"], columns);
    let time = |field: &str| dataset[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("expires_at").duration_since(time("created_at")).as_secs(), 3600);
    assert_eq!(server.json(&format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap())).await, dataset);
    assert_eq!(content(&server, &dataset).await, TABLE.as_bytes());
    assert_outcomes(&server, &[("stored", 1.0)]).await;
    assert_eq!(server.metric("belfry_upload_size_bytes_sum").await, Some(TABLE.len() as f64));
    assert_eq!(server.metric("belfry_datasets").await, Some(1.0));
    assert_eq!(server.metric("belfry_dataset_bytes").await, Some(TABLE.len() as f64));
}

#[tokio::test]
async fn a_form_names_its_dataset_by_its_field_or_its_file() {
    let server = Server::start().await;
    let file = || Part::bytes(shipped("penguins.csv")).file_name("penguins.csv").mime_str("text/csv").unwrap();
    let form = Form::new().part("file", file());
    let dataset = stored(post(&server, "").multipart(form).send().await.unwrap()).await;
    assert_eq!(dataset["name"], "penguins.csv");
    assert_eq!(dataset["sha256"], sha256(&shipped("penguins.csv")));
    assert_eq!(content(&server, &dataset).await, shipped("penguins.csv"));
    let form = Form::new().text("name", "birds").text("ttl_seconds", "60").part("file", file());
    let dataset = stored(post(&server, "?name=query").multipart(form).send().await.unwrap()).await;
    assert_eq!(dataset["name"], "birds");
}

#[tokio::test]
async fn columns_say_what_training_will_make_of_them() {
    let server = Server::start().await;
    let table = "id;price;rate;group\n9000000000001;1,5;inf;0\n9000000000002;2,25;1;1\n3;;2;1\n4;7;3;0\n";
    let dataset = upload(&server, "", table).await;
    let column = |index: usize| &dataset["columns"][index];
    assert_eq!(column(1), &json!({"name": "price", "type": "number", "missing": 1, "decimal_mark": "comma"}));
    assert_eq!(column(3), &json!({"name": "group", "type": "number", "missing": 0, "classes": 2}));
    for (index, kind, code, count) in [(0, "number", "too_large", 2), (2, "text", "not_finite", 1)] {
        let note = &column(index)["notes"][0];
        assert_eq!(
            (&column(index)["type"], &note["code"], &note["count"]),
            (&json!(kind), &json!(code), &json!(count))
        );
        assert!(note["detail"].as_str().unwrap().contains("training takes each"), "{note}");
    }
    assert_eq!(server.json(&format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap())).await, dataset);
}

#[tokio::test]
async fn a_large_form_arrives_byte_for_byte() {
    let server = Server::start().await;
    let table = format!("a,b\n{}", "1234.5,\"x\r\n--y\"\r\n".repeat(400_000));
    let form = Form::new().part("file", Part::bytes(table.clone().into_bytes()).file_name("t.csv"));
    let dataset = stored(post(&server, "").multipart(form).send().await.unwrap()).await;
    assert_eq!(dataset["size_bytes"], table.len());
    assert_eq!(dataset["sha256"], sha256(table.as_bytes()));
    assert_eq!(dataset["rows"], 400_000);
}

#[tokio::test]
async fn gzip_is_recognised_however_it_is_announced() {
    let server = Server::start().await;
    let packed = gzip(TABLE.as_bytes());
    for content_type in ["application/gzip", "application/octet-stream", "text/csv"] {
        let dataset = stored(send(&server, content_type, packed.clone()).await).await;
        assert_eq!(dataset["format"], "csv.gz", "{content_type}");
        assert_eq!(dataset["rows"], 2);
        assert_eq!(dataset["size_bytes"], packed.len());
        assert_eq!(content(&server, &dataset).await, packed, "it is kept as it was sent");
    }
    let encoded = post(&server, "").header("content-type", "text/csv").header("content-encoding", "gzip");
    assert_eq!(stored(encoded.body(packed.clone()).send().await.unwrap()).await["format"], "csv.gz");
    let form = Form::new().part("file", Part::bytes(packed).file_name("t.csv.gz"));
    assert_eq!(stored(post(&server, "").multipart(form).send().await.unwrap()).await["format"], "csv.gz");
}

#[tokio::test]
async fn a_body_without_a_type_or_a_name_is_taken() {
    let server = Server::start().await;
    let dataset = stored(post(&server, "").body(TABLE).send().await.unwrap()).await;
    assert_eq!((dataset["name"].as_str(), dataset["format"].as_str()), (Some("dataset"), Some("csv")));
}

#[tokio::test]
async fn pages_hold_each_dataset_once_newest_first() {
    let server = Server::start().await;
    let mut uploaded = Vec::new();
    for index in 0..7 {
        uploaded.push(upload(&server, &format!("?name=d{index}"), TABLE).await);
    }
    uploaded.reverse();
    let mut seen = Vec::new();
    let mut path = "/api/v1/datasets?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = server.json(&path).await;
        seen.extend(page["items"].as_array().unwrap().clone());
        pages += 1;
        if pages == 1 {
            // What comes after the first page was read does not shift the next ones.
            upload(&server, "", TABLE).await;
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/datasets?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, uploaded);
    assert_eq!(server.json("/api/v1/datasets").await["items"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_wrong_page_is_refused() {
    let server = Server::start().await;
    for (query, code) in [
        ("limit=0", "invalid_limit"),
        ("limit=201", "invalid_limit"),
        ("limit=-1", "invalid_limit"),
        ("limit=x", "invalid_query"),
        ("cursor=xyz", "invalid_cursor"),
        ("cursor=00", "invalid_cursor"),
        // `1 ` and a NUL.
        ("cursor=312000", "invalid_cursor"),
        ("page=2", "invalid_query"),
    ] {
        let answer = server.get(&format!("/api/v1/datasets?{query}")).await;
        problem(answer, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test]
async fn parts_of_the_content_can_be_read() {
    let server = Server::start().await;
    let dataset = upload(&server, "?name=a%22b%0d", TABLE).await;
    let url = format!("{}/api/v1/datasets/{}/content", server.url, dataset["id"].as_str().unwrap());
    let etag = format!("\"{}\"", dataset["sha256"].as_str().unwrap());
    let size = TABLE.len();
    let get = |headers: &[(&str, &str)]| {
        let request = server.client.get(&url);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };

    let whole = get(&[]).await.unwrap();
    assert_eq!(whole.headers()["etag"], etag);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-length"], size.to_string());
    assert_eq!(whole.headers()["content-type"], "text/csv; charset=utf-8");
    let disposition = whole.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(disposition, "attachment; filename=\"a_b.csv\"; filename*=UTF-8''a%22b.csv");

    for (range, from, to) in [("bytes=5-8", 5, 9), ("bytes=-4", size - 4, size), ("bytes=40-", 40, size)] {
        let part = get(&[("range", range)]).await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.headers()["content-range"], format!("bytes {from}-{}/{size}", to - 1));
        assert_eq!(part.text().await.unwrap(), &TABLE[from..to]);
    }
    let beyond = get(&[("range", "bytes=1000-")]).await.unwrap();
    assert_eq!(beyond.headers()["content-range"], format!("bytes */{size}"));
    problem(beyond, StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable").await;

    let unchanged = get(&[("if-none-match", &etag)]).await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.headers()["etag"], etag);
    let resumed = get(&[("range", "bytes=5-8"), ("if-range", &etag)]).await.unwrap();
    assert_eq!(resumed.status(), StatusCode::PARTIAL_CONTENT);
    let changed = get(&[("range", "bytes=5-8"), ("if-range", "\"other\"")]).await.unwrap();
    assert_eq!((changed.status(), changed.text().await.unwrap().as_str()), (StatusCode::OK, TABLE));

    let wanted = get(&[("if-match", &etag)]).await.unwrap();
    assert_eq!(wanted.status(), StatusCode::OK);
    let another = get(&[("if-match", "\"other\""), ("if-none-match", &etag)]).await.unwrap();
    problem(another, StatusCode::PRECONDITION_FAILED, "precondition_failed").await;
    assert_eq!(get(&[("if-none-match", "*")]).await.unwrap().status(), StatusCode::NOT_MODIFIED);

    // A range is of a GET only.
    let head = server.client.request(Method::HEAD, &url).header("range", "bytes=5-8").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(!head.headers().contains_key("content-range"));
    assert_eq!(head.headers()["content-length"], size.to_string());
    assert_eq!(head.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_deleted_dataset_is_gone_with_its_file() {
    let server = Server::start().await;
    let dataset = upload(&server, "", TABLE).await;
    assert_eq!(kept_files(&server).len(), 1);
    let path = format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap());
    let delete = || server.client.delete(format!("{}{path}", server.url)).send();
    assert_eq!(delete().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(server.metric("belfry_datasets").await, Some(0.0));
    assert_eq!(server.metric("belfry_dataset_bytes").await, Some(0.0));
    await_files(&server, 0).await;
    problem(delete().await.unwrap(), StatusCode::NOT_FOUND, "not_found").await;
    problem(server.get(&path).await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.get(&format!("{path}/content")).await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn an_expired_dataset_is_found_nowhere() {
    let settings = [("RETENTION__MIN_TTL", "1s"), ("RETENTION__TTL", "1h"), ("CLEANUP__INTERVAL", "1h")];
    let server = Server::start_with(&settings).await;
    let dataset = upload(&server, "?ttl_seconds=2", TABLE).await;
    let path = format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.status(), StatusCode::OK);
    let expires_at: jiff::Timestamp = dataset["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires_at.duration_since(jiff::Timestamp::now()).as_secs_f64().max(0.0);
    tokio::time::sleep(Duration::from_secs_f64(left + 0.01)).await;
    problem(server.get(&path).await, StatusCode::NOT_FOUND, "not_found").await;
    problem(server.get(&format!("{path}/content")).await, StatusCode::NOT_FOUND, "not_found").await;
    let delete = server.client.delete(format!("{}{path}", server.url)).send().await.unwrap();
    problem(delete, StatusCode::NOT_FOUND, "not_found").await;
    assert_eq!(server.json("/api/v1/datasets").await["items"], json!([]));
    server.await_metric("belfry_datasets", 0.0).await;
}

#[tokio::test]
async fn a_dataset_can_live_for_ever_where_that_is_allowed() {
    let server = Server::start_with(&[("RETENTION__ALLOW_NEVER", "true")]).await;
    assert_eq!(upload(&server, "?ttl_seconds=never", TABLE).await["expires_at"], Value::Null);
}

#[tokio::test]
async fn a_dataset_that_was_acknowledged_survives_a_kill() {
    let mut server = Server::start().await;
    let dataset = stored(send(&server, "text/csv", generated(5 << 20)).await).await;
    server.kill_and_restart();
    let bytes = content(&server, &dataset).await;
    assert_eq!(bytes.len() as u64, dataset["size_bytes"].as_u64().unwrap());
    assert_eq!(sha256(&bytes), dataset["sha256"].as_str().unwrap());
    server.await_metric("belfry_datasets", 1.0).await;
    server.await_metric("belfry_dataset_bytes", bytes.len() as f64).await;
}

#[tokio::test]
async fn uploads_and_downloads_work_on_an_s3_store() {
    let store = S3::start().await;
    let settings = store.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let server = Server::start_with(&settings).await;
    let table = shipped("wine.csv");
    let small = upload(&server, "", table.clone()).await;
    let large = stored(send(&server, "text/csv", generated(30 << 20)).await).await;
    problem(send(&server, "text/csv", "a,b\n1\n").await, StatusCode::UNPROCESSABLE_ENTITY, "ragged_row").await;
    assert_eq!(content(&server, &small).await, table);
    assert_eq!(sha256(&content(&server, &large).await), large["sha256"].as_str().unwrap());
    let url = format!("{}/api/v1/datasets/{}/content", server.url, small["id"].as_str().unwrap());
    let part = server.client.get(url).header("range", "bytes=10-19").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), &table[10..20]);

    let files = || {
        let folder = store.folder.path().join("bucket/some/prefix/datasets");
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(files().len(), 2, "{:?}", files());
    for dataset in [&small, &large] {
        let url = format!("{}/api/v1/datasets/{}", server.url, dataset["id"].as_str().unwrap());
        assert_eq!(server.client.delete(url).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(files(), Vec::<String>::new());
}
