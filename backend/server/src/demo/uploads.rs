//! Uploads, good and bad, and deletes.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Body;
use reqwest::multipart::{Form as Multipart, Part};

use super::Demo;
use super::samples::Sample;
use crate::request::percent_encoded;

const PATH: &str = "/api/v1/datasets";

/// How long an incomplete upload is idle before the client disconnects.
const HALF_WAY: Duration = Duration::from_millis(300);

/// The ways to send a file.
#[derive(Clone, Copy)]
pub enum Form {
    /// As a browser or `curl -F` does.
    Multipart,
    /// As the body.
    Raw,
    /// As the body, packed.
    Gzip,
}

/// Uploads a shipped dataset.
pub async fn good(demo: &Demo, sample: &Sample, form: Form) {
    let (action, request) = match form {
        Form::Multipart => {
            ("upload, multipart", demo.api.post_to(PATH).multipart(multipart(sample.name, sample.bytes.clone())))
        }
        Form::Raw => ("upload, raw body", raw(demo, sample.name, "text/csv", sample.bytes.clone())),
        Form::Gzip => {
            ("upload, gzip", raw(demo, &format!("{}.gz", sample.name), "application/gzip", packed(&sample.bytes)))
        }
    };
    let response = demo.api.send(request).await;
    if demo.count_response(action, &response, &[201]) {
        demo.inventory().stored(response.text("id"), sample.name);
    }
}

/// Uploads a dataset that clean-up will find expired in a minute. Nothing else of the demo relies on it.
pub async fn short_lived(demo: &Demo, rng: &mut StdRng) {
    let sample = demo.samples.any(rng);
    let request = demo.api.post_to(&format!("{PATH}?ttl_seconds=60&name=short-lived-{}", sample.name));
    let response = demo.api.send(request.header("content-type", "text/csv").body(sample.bytes.clone())).await;
    demo.count_response("upload, lives 60 s", &response, &[201]);
}

/// Bodies that are no dataset, each for a reason of its own.
const BAD: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("no rows", b"a,b,c\n"),
    ("ragged", b"a,b,c\n1,2,3\n4,5\n"),
    ("duplicate columns", b"a,b,a\n1,2,3\n"),
    ("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"),
    ("not UTF-8", b"name,city\nJos\xe9,M\xfcnchen\n"),
    ("open quote", b"a,b\n1,\"two\n3,4\n"),
];

/// Uploads something that is no dataset.
pub async fn bad(demo: &Demo, rng: &mut StdRng) {
    let (kind, bytes) = BAD.choose(rng).expect("BAD is not empty");
    let response = match rng.random_range(0..8) {
        0 => {
            let form = Multipart::new().text("name", "a form without a file");
            let response = demo.api.send(demo.api.post_to(PATH).multipart(form)).await;
            demo.count_response("upload, form without a file", &response, &[400]);
            return;
        }
        // The end of the archive is missing.
        1 => {
            let bytes = packed(&demo.samples.any(rng).bytes);
            let half = bytes.slice(..bytes.len() / 2);
            demo.api.send(raw(demo, "half.csv.gz", "application/gzip", half)).await
        }
        2..5 => demo.api.send(demo.api.post_to(PATH).multipart(multipart(kind, Bytes::from_static(bytes)))).await,
        _ => demo.api.send(raw(demo, kind, "text/csv", Bytes::from_static(bytes))).await,
    };
    demo.count_response("upload, bad", &response, &[422]);
}

/// Begins an upload and goes away in the middle of it.
pub async fn half(demo: &Demo, rng: &mut StdRng) {
    let bytes = demo.samples.any(rng).bytes.clone();
    let half = Ok::<_, Infallible>(bytes.slice(..bytes.len() / 2));
    let body = stream::once(async { half }).chain(stream::pending());
    let request = demo.api.post_to(PATH).header("content-type", "text/csv").body(Body::wrap_stream(body));
    match tokio::time::timeout(HALF_WAY, demo.api.send(request)).await {
        Err(_) => demo.response_counts().count("upload, aborted half-way", "left", true, String::new),
        Ok(response) => {
            demo.count_response("upload, aborted half-way", &response, &[]);
        }
    }
}

/// Deletes a dataset that the demo has uploaded and does not use.
pub async fn delete(demo: &Demo) {
    let Some(dataset) = demo.inventory().take_surplus() else { return };
    let response = demo.api.delete(&format!("{PATH}/{}", dataset.id)).await;
    demo.count_response("delete a dataset", &response, &[204]);
}

fn raw(demo: &Demo, name: &str, content_type: &str, bytes: Bytes) -> reqwest::RequestBuilder {
    demo.api.post_to(&format!("{PATH}?name={}", percent_encoded(name))).header("content-type", content_type).body(bytes)
}

fn multipart(name: &str, bytes: Bytes) -> Multipart {
    let length = bytes.len() as u64;
    Multipart::new().part("file", Part::stream_with_length(bytes, length).file_name(name.to_owned()))
}

fn packed(bytes: &Bytes) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    Bytes::from(written.expect("writing to memory does not fail"))
}
