//! The startup gate answers while the service is starting: alive, not ready. A migration may take minutes, in which an
//! orchestrator must neither send requests nor take the process for dead.
//!
//! The listener and its connections are the same before and after, so that nobody who connects in between is cut off.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use futures::future::Either;
use serde_json::json;
use tower::Service;

use crate::request::Json;

/// The service that every connection talks to.
#[derive(Clone, Default)]
pub struct StartupGate {
    open: Arc<OnceLock<Router>>,
}

impl StartupGate {
    /// From now on requests go to `router`.
    pub fn open(&self, router: Router) {
        // Opened once; a second router would change nothing.
        let _ = self.open.set(router);
    }
}

impl Service<Request> for StartupGate {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.open.get() {
            Some(router) => Either::Left(router.clone().call(request)),
            None => Either::Right(ready(Ok(answer_while_starting(&request)))),
        }
    }
}

fn answer_while_starting(request: &Request) -> Response {
    if request.uri().path() == "/livez" {
        return "ok".into_response();
    }
    let body = Json(json!({ "ready": false, "message": "starting" }));
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], body).into_response()
}
