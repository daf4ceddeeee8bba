//! The dashboards' JSON, from the program and from a folder.

use std::path::Path;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{header, plain_client, raw};
use crate::api::support::server::{PATIENCE, Server, problem};

#[tokio::test]
async fn the_dashboards_of_the_repository_are_in_the_program() {
    let server = Server::start().await;
    let list = server.json("/api/v1/dashboards").await;
    assert_eq!(list["faults"], json!([]));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        seen += 1;
        let file = std::fs::read(&path).unwrap();
        let dashboard: Value = serde_json::from_slice(&file).unwrap();
        let uid = dashboard["uid"].as_str().unwrap();
        let item = list["items"].as_array().unwrap().iter().find(|item| item["uid"] == uid).unwrap();
        for field in ["title", "description", "tags"] {
            assert_eq!(item[field], dashboard[field], "{uid}");
        }
        assert_eq!(item["home"], uid == "backend-overview", "{uid}");

        let address = format!("{}/api/v1/dashboards/{uid}", server.url);
        let answer = plain_client().get(&address).send().await.unwrap();
        assert_eq!(header(answer.headers(), "content-type"), "application/json");
        let tag = header(answer.headers(), "etag").to_owned();
        assert_eq!(answer.bytes().await.unwrap(), file, "{uid} is another one than its file");
        let again = plain_client().get(&address).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{uid}");
        let packed = plain_client().get(&address).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(header(packed.headers(), "content-encoding"), "gzip");
        assert!(packed.bytes().await.unwrap().len() < file.len() / 4, "{uid}");
    }
    assert_eq!(list["items"].as_array().unwrap().len(), seen);
    problem(server.get("/api/v1/dashboards/none").await, StatusCode::NOT_FOUND, "not_found").await;
}

#[tokio::test]
async fn a_folder_takes_their_place_and_one_bad_file_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let fine = r#"{"uid": "own", "title": "Own", "tags": ["a"], "panels": []}"#;
    write("fine.json", fine);
    write("cut.json", r#"{"uid": "cut", "title": "#);
    let server = Server::start_with(&[("VIEWER__DASHBOARDS_DIR", folder.path().to_str().unwrap())]).await;
    let list = server.json("/api/v1/dashboards").await;
    let expected = json!([{ "uid": "own", "title": "Own", "description": "", "tags": ["a"], "home": false }]);
    assert_eq!(list["items"], expected);
    assert_eq!(list["faults"][0]["file"], "cut.json");
    assert!(list["faults"][0]["detail"].as_str().unwrap().contains("line 1"), "{list}");
    server.await_log(&["VIEWER__DASHBOARDS_DIR", "cut.json"]).await;
    assert_eq!(server.get("/api/v1/dashboards/own").await.text().await.unwrap(), fine);
    // None is the home, so the first one is.
    let home = plain_client().get(format!("{}/", server.url)).header("accept", "text/html").send().await.unwrap();
    assert_eq!(header(home.headers(), "location"), "/dashboards/own");
    for target in
        ["/api/v1/dashboards/..%2f..%2fetc%2fpasswd", "/api/v1/dashboards/../own", "/api/v1/dashboards/fine.json"]
    {
        let answer = raw(&server, target, "Host: localhost\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }

    // An edit shows without a restart.
    write("cut.json", r#"{"uid": "cut", "title": "Mended"}"#);
    eventually("the mended file is listed", PATIENCE, async || {
        let list = server.json("/api/v1/dashboards").await;
        if list["faults"] == json!([]) && list["items"][0]["title"] == "Mended" {
            Ok(())
        } else {
            Err(list.to_string())
        }
    })
    .await;
    std::fs::remove_dir_all(folder.path()).unwrap();
    eventually("the folder is gone", PATIENCE, async || {
        let list = server.json("/api/v1/dashboards").await;
        if list["items"] == json!([]) { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
    let home = plain_client().get(format!("{}/", server.url)).header("accept", "text/html").send().await.unwrap();
    assert_eq!(header(home.headers(), "location"), "/dashboards");
}
