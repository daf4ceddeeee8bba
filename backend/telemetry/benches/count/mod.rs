//! A fixed number of requests in process, one after the other, for `valgrind --tool=callgrind`, which finds these functions
//! by their names: it counts the instructions of [`counted_requests`], and writes them down before [`write_counts`].

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::Service;

/// Until caches are filled and routes are known.
const REQUESTS_BEFORE: usize = 50;

/// Sends requests to the router, of which the last `requests` are counted. Needs a runtime of one thread.
pub fn count(runtime: &Runtime, mut router: Router, requests: usize) {
    runtime.block_on(send(&mut router, REQUESTS_BEFORE));
    counted_requests(runtime, &mut router, requests);
    write_counts();
}

#[inline(never)]
fn counted_requests(runtime: &Runtime, router: &mut Router, requests: usize) {
    runtime.block_on(send(router, requests));
}

#[inline(never)]
fn write_counts() {
    black_box(());
}

async fn send(router: &mut Router, requests: usize) {
    for _ in 0..requests {
        let request = Request::get("/hello/world").body(Body::empty()).unwrap();
        let response = Service::call(router, request).await.unwrap();
        black_box(response.into_body().collect().await.unwrap());
    }
}
