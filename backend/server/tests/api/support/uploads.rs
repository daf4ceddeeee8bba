//! What the tests of datasets and of runs need to upload with.

use std::path::PathBuf;

use belfry_test_support::eventually;
use bytes::Bytes;
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::api::support::server::{PATIENCE, Server};

/// `POST /api/v1/datasets` with this query, without a body yet.
pub fn post(server: &Server, query: &str) -> RequestBuilder {
    server.client.post(format!("{}/api/v1/datasets{query}", server.url))
}

/// Sends bytes as a raw body of this type.
pub async fn send(server: &Server, content_type: &str, bytes: impl Into<Body>) -> Response {
    post(server, "").header("content-type", content_type).body(bytes).send().await.unwrap()
}

/// Uploads a table, which must be taken, and returns the dataset.
pub async fn upload(server: &Server, query: &str, bytes: impl Into<Body>) -> Value {
    stored(post(server, query).header("content-type", "text/csv").body(bytes).send().await.unwrap()).await
}

/// The dataset in an answer that must be 201.
pub async fn stored(response: Response) -> Value {
    let status = response.status();
    let location = response.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let dataset: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(location.unwrap(), format!("/api/v1/datasets/{}", dataset["id"].as_str().unwrap()));
    dataset
}

/// A small table.
pub const TABLE: &str = "city,people,coast\nGhent,265086,no\nOstend,,yes\n";

/// What a generated table is made of.
#[derive(Clone, Copy, Debug)]
pub enum Table {
    /// Numbers.
    Numbers,
    /// The same, each in quotes.
    QuotedNumbers,
    /// Texts in quotes, some with delimiters, quotes or line ends.
    QuotedTexts,
}

impl Table {
    /// A table of about this many bytes, in pieces that are made as they are taken.
    pub fn pieces(self, bytes: usize) -> impl Iterator<Item = Bytes> + Send + 'static {
        let rows = match self {
            Self::Numbers => "1.25,-17,3.14159,1000000\n",
            Self::QuotedNumbers => "\"1.25\",\"-17\",\"3.14159\",\"1000000\"\n",
            Self::QuotedTexts => {
                "\"Ghent\",\"East Flanders, Belgium\",\"2020-01-31\",\"a \"\"quoted\"\" word\"\n\
                 \"Ostend\",\"West Flanders\",\"2021-02-28\",\"two\nlines\"\n"
            }
        };
        let piece = Bytes::from(rows.repeat(65_000 / rows.len()));
        let count = bytes.div_ceil(piece.len());
        std::iter::once(Bytes::from_static(b"a,b,c,d\n")).chain(std::iter::repeat_n(piece, count))
    }
}

/// A generated table as a body; its length is not said beforehand.
pub fn generated_table(table: Table, bytes: usize) -> Body {
    Body::wrap_stream(futures::stream::iter(table.pieces(bytes).map(Ok::<_, std::io::Error>)))
}

/// One of numbers.
pub fn generated(bytes: usize) -> Body {
    generated_table(Table::Numbers, bytes)
}

/// An upload that has begun and goes on as the test tells it to.
pub async fn begin_upload(server: &Server) -> (mpsc::Sender<Bytes>, JoinHandle<reqwest::Result<Response>>) {
    let (sender, mut pieces) = mpsc::channel::<Bytes>(1);
    let body = futures::stream::poll_fn(move |context| {
        pieces.poll_recv(context).map(|piece| piece.map(Ok::<_, std::io::Error>))
    });
    let request = post(server, "").header("content-type", "text/csv").body(Body::wrap_stream(body));
    let answer = tokio::spawn(request.send());
    sender.send(Bytes::from_static(b"a,b\n1,2\n")).await.unwrap();
    server.await_metric("belfry_uploads_in_progress", 1.0).await;
    (sender, answer)
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The names of the files that the server keeps for datasets, finished or not.
pub fn kept_files(server: &Server) -> Vec<PathBuf> {
    match std::fs::read_dir(server.folder.path().join("files/datasets")) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    }
}

/// Waits until the server keeps this many files.
pub async fn await_files(server: &Server, count: usize) {
    eventually(&format!("{count} files are kept"), PATIENCE, async || {
        let kept = kept_files(server);
        if kept.len() == count { Ok(()) } else { Err(format!("{kept:?}")) }
    })
    .await;
}

/// `belfry_uploads_total` by outcome, for those that are not 0.
pub async fn outcomes(server: &Server) -> Vec<(String, f64)> {
    let page = server.get("/metrics").await.text().await.unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix("belfry_uploads_total{outcome=\""));
    let mut found: Vec<(String, f64)> = lines
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(outcome, count)| (outcome.to_owned(), count.parse().unwrap()))
        .filter(|(_, count)| *count != 0.0)
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Asserts that uploads ended in these ways and in no others.
pub async fn assert_outcomes(server: &Server, expected: &[(&str, f64)]) {
    let expected: Vec<(String, f64)> =
        expected.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect();
    let found = eventually(&format!("uploads ended as {expected:?}"), PATIENCE, async || {
        let found = outcomes(server).await;
        if found == expected { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert_eq!(server.metric("belfry_uploads_in_progress").await, Some(0.0));
    let durations: f64 = {
        let mut sum = 0.0;
        for (outcome, _) in &found {
            let series = format!("belfry_upload_duration_seconds_count{{outcome=\"{outcome}\"}}");
            sum += server.metric(&series).await.unwrap_or_default();
        }
        sum
    };
    assert_eq!(durations, found.iter().map(|(_, count)| count).sum::<f64>(), "each upload has one duration");
}

/// Memory of a process that is in use now, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    of_status(pid, "VmRSS:")
}

/// The most memory that a process has used since [`forget_peak`], in bytes.
pub fn peak_bytes(pid: u32) -> u64 {
    of_status(pid, "VmHWM:")
}

/// Makes the memory that a process uses now its peak.
pub fn forget_peak(pid: u32) {
    // proc_pid_clear_refs(5).
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

fn of_status(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
