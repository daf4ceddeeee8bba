//! The tower layer and service around each request.

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

use super::body::{self, MeasuredBody};
use super::options::HttpOptions;
use super::request_guard::RequestGuard;
use super::route;
use super::route_series::Routes;
use crate::catalogue::ERRORS_TOTAL;
use crate::metric;

/// Measures requests; see the [module](super).
#[derive(Clone)]
pub struct HttpLayer {
    // A router clones its layers for each request, and all threads would write to a reference count.
    routes: &'static Routes,
}

impl HttpLayer {
    /// A layer that measures as `options` say. Its memory is never freed, so make one for a router, not one for a request.
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
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if !metric::is_on() {
            return ResponseFuture { inner: self.inner.call(request), guard: None, head_only: false };
        }
        let method = request.method();
        let series = match request.extensions().get::<MatchedPath>() {
            // Nearly always.
            Some(template) => self.routes.series(method, Some(template.as_str())),
            None => {
                route::find_template(&mut request);
                self.routes.series(request.method(), route::matched_template(request.extensions()))
            }
        };
        let Some(series) = series else {
            return ResponseFuture { inner: self.inner.call(request), guard: None, head_only: false };
        };
        let head_only = request.method() == Method::HEAD;
        let (request, guard) = body::measure_request(request, RequestGuard::start(series));
        ResponseFuture { inner: self.inner.call(request), guard: Some(guard), head_only }
    }
}

pin_project! {
    /// The response to a measured request.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        guard: Option<RequestGuard>,
        head_only: bool,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<AxumBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(context));
        let Some(guard) = this.guard.take() else {
            return Poll::Ready(result.map(|response| response.map(AxumBody::new)));
        };
        Poll::Ready(match result {
            Ok(response) => Ok(measure_response(response, guard, *this.head_only)),
            // No response at all, which a router never does but another service may: its caller closes the connection.
            Err(error) => {
                guard.fail();
                ERRORS_TOTAL.with(("service", "http")).increment(1);
                Err(error)
            }
        })
    }
}

/// Whether there is no body after this head, so that the connection never polls it (RFC 9110, section 6.4.1).
fn has_no_body<B: Body>(response: &Response<B>, length: Option<u64>) -> bool {
    let status = response.status();
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || length == Some(0)
        || response.body().is_end_stream()
}

fn measure_response<B>(response: Response<B>, mut guard: RequestGuard, head_only: bool) -> Response<AxumBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let endless = response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(&response);
    guard.respond(response.status(), endless);
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if head_only || has_no_body(&response, length) {
        guard.finish();
        return response.map(AxumBody::new);
    }
    response.map(|body| AxumBody::new(MeasuredBody::new(body, guard, length)))
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::testing::changed_series;

    #[test]
    fn a_service_that_fails_instead_of_answering_is_our_error() {
        let layer = HttpLayer::new(HttpOptions::default());
        let failing = layer.layer(service_fn(async |_: Request| Err::<Response<AxumBody>, _>("no answer")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let series = changed_series(|| {
            assert_eq!(runtime.block_on(failing.oneshot(Request::default())).unwrap_err(), "no answer")
        });
        let counted = r#"http_requests_total{method="GET",endpoint="unmatched",status="500"} 1"#;
        assert!(series.iter().any(|line| line == counted), "{series:?}");
        assert!(
            series.iter().any(|line| line == r#"errors_total{error_type="service",component="http"} 1"#),
            "{series:?}"
        );
    }
}
