//! The tower layer that measures each request, from its head to the end of its answer.
//!
//! Add it with `Router::layer`, so that unmatched requests are seen too; a route is named by its template, never by its path.

mod body;
mod identity;
mod options;
mod panics;
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

    fn call(&mut self, request: Request) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let Some(flight) = self.routes.depart(request.method(), route) else {
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
        let flight = this.flight.take();
        Poll::Ready(answer.map(|response| match flight {
            None => response.map(AxumBody::new),
            Some(flight) => {
                let bodiless = *this.head_only || is_bodiless(response.status()) || response.body().is_end_stream();
                measure_response(response, flight, bodiless)
            }
        }))
    }
}

fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn measure_response<B>(response: Response<B>, mut flight: Flight, bodiless: bool) -> Response<AxumBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let endless = response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(&response);
    flight.answered(response.status(), endless);
    if bodiless {
        flight.finished();
        drop(flight);
        return response.map(AxumBody::new);
    }
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    response.map(|body| AxumBody::new(MeasuredBody::new(body, flight, length)))
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}
