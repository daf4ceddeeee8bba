//! The tower layer that measures each request, from its head to the end of its answer.
//!
//! Add it with `Router::layer`, so that unmatched requests are seen too; a route is named by its template, never by its path.
//! A nested service, as static files are, is one route, such as `/static/{*path}`.
//!
//! What goes on after an answer: an event stream is in progress until its client leaves. A connection that is handed over
//! to another protocol, as to WebSocket, is not: its request ended with the 101, and neither its bytes nor its duration are
//! those of an answer. A service that wants to count such connections has a gauge of its own.

mod body;
mod identity;
mod options;
mod panics;
mod route;
mod series;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body as AxumBody, Bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::catalogue::ERRORS_TOTAL;
use crate::metric;
use body::MeasuredBody;
pub use identity::{current_request_id, identify};
pub use options::HttpOptions;
pub use panics::catch_panics;
use series::{Flight, Routes};

/// The route label of a request that matched no route.
pub const UNMATCHED: &str = "unmatched";

/// Measures requests; see the [module](self).
#[derive(Clone)]
pub struct HttpLayer {
    // A router clones its layers for each request, and a count of who still uses this would be written by all threads.
    routes: &'static Routes,
}

impl HttpLayer {
    /// A layer that measures as `options` say. What it keeps lives as long as the process, so make one, not one a request.
    pub fn new(options: HttpOptions) -> Self {
        Self { routes: Box::leak(Box::new(Routes::new(options))) }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpService { inner, routes: self.routes }
    }
}

/// A service with its requests measured.
#[derive(Clone)]
pub struct HttpService<S> {
    inner: S,
    routes: &'static Routes,
}

impl<S, B> Service<Request> for HttpService<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<AxumBody>;
    type Error = S::Error;
    type Future = Measured<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if !metric::is_on() {
            return Measured { inner: self.inner.call(request), flight: None, head_only: false };
        }
        let method = request.method();
        let flight = match request.extensions().get::<MatchedPath>() {
            // As nearly always.
            Some(template) => self.routes.depart(method, Some(template.as_str())),
            None => {
                route::find(&mut request);
                self.routes.depart(request.method(), route::matched(request.extensions()))
            }
        };
        let Some(flight) = flight else {
            return Measured { inner: self.inner.call(request), flight: None, head_only: false };
        };
        let head_only = request.method() == Method::HEAD;
        let (request, flight) = body::measure_request(request, flight);
        Measured { inner: self.inner.call(request), flight: Some(flight), head_only }
    }
}

pin_project! {
    /// The answer to a measured request.
    pub struct Measured<F> {
        #[pin]
        inner: F,
        flight: Option<Flight>,
        head_only: bool,
    }
}

impl<F, B, E> Future for Measured<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<AxumBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(context));
        let Some(mut flight) = this.flight.take() else {
            return Poll::Ready(answer.map(|response| response.map(AxumBody::new)));
        };
        Poll::Ready(match answer {
            Ok(response) => Ok(measure_response(response, flight, *this.head_only)),
            // No answer at all, as by a service of tower that is no router: whoever calls it closes the connection.
            Err(error) => {
                flight.broke();
                ERRORS_TOTAL.with(["service", "http"]).increment(1);
                Err(error)
            }
        })
    }
}

/// Whether nothing comes after this head, so that the connection never asks for the body (RFC 9110, section 6.4.1).
fn has_no_body<B: Body>(response: &Response<B>, length: Option<u64>) -> bool {
    let status = response.status();
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || length == Some(0)
        || response.body().is_end_stream()
}

fn measure_response<B>(response: Response<B>, mut flight: Flight, head_only: bool) -> Response<AxumBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let endless = response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(&response);
    flight.answered(response.status(), endless);
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if head_only || has_no_body(&response, length) {
        flight.finished();
        drop(flight);
        return response.map(AxumBody::new);
    }
    response.map(|body| AxumBody::new(MeasuredBody::new(body, flight, length)))
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::testing::moved;

    #[test]
    fn a_service_that_fails_instead_of_answering_is_our_error() {
        let layer = HttpLayer::new(HttpOptions::default());
        let failing = layer.layer(service_fn(async |_: Request| Err::<Response<AxumBody>, _>("no answer")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let series =
            moved(|| assert_eq!(runtime.block_on(failing.oneshot(Request::default())).unwrap_err(), "no answer"));
        let counted = r#"http_requests_total{method="GET",endpoint="unmatched",status="500"} 1"#;
        assert!(series.iter().any(|line| line == counted), "{series:?}");
        assert!(
            series.iter().any(|line| line == r#"errors_total{error_type="service",component="http"} 1"#),
            "{series:?}"
        );
    }
}
