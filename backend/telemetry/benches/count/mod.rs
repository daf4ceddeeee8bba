//! A fixed number of requests in process, one after the other, for `valgrind --tool=callgrind`, which counts the
//! instructions between the begin and the end of [`measured_requests`].

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::Service;

/// Until caches are filled and routes are known.
const REQUESTS_BEFORE: usize = 50;

/// Requests to the router, of which the last `requests` are measured. Needs a runtime of one thread.
pub fn count(runtime: &Runtime, mut router: Router, requests: usize) {
    unmeasured_requests(runtime, &mut router);
    measured_requests(runtime, &mut router, requests);
}

#[inline(never)]
fn unmeasured_requests(runtime: &Runtime, router: &mut Router) {
    runtime.block_on(send(router, REQUESTS_BEFORE));
}

/// Found by its name.
#[inline(never)]
fn measured_requests(runtime: &Runtime, router: &mut Router, requests: usize) {
    runtime.block_on(send(router, requests));
}

async fn send(router: &mut Router, requests: usize) {
    for _ in 0..requests {
        let request = Request::get("/hello/world").body(Body::empty()).unwrap();
        let response = Service::call(router, request).await.unwrap();
        black_box(response.into_body().collect().await.unwrap());
    }
}
