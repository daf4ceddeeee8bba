//! The tower layer and service around each request.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body as AxumBody, Bytes};
use axum::extract::Request;
use axum::http::{Method, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use super::body::{self, MeasuredBody};
use super::identity::Identified;
use super::options::{HttpOptions, Mask};
use super::panics;
use super::request_guard::RequestGuard;
use super::route_series::Routes;
use crate::catalogue::ERRORS_TOTAL;
use crate::metric;

/// Measures requests; see the [module](super).
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use belfry_telemetry::http::{HttpLayer, HttpOptions};
/// use belfry_telemetry::testing::changed_series_async;
/// use tower::ServiceExt;
///
/// let router: Router = Router::new().route("/orders/{id}", get(async || "an order"));
/// let router = router.layer(HttpLayer::new(HttpOptions::default()));
/// let series = changed_series_async(async {
///     let response = router.oneshot(Request::get("/orders/7").body(Body::empty()).unwrap()).await.unwrap();
///     axum::body::to_bytes(response.into_body(), 100).await.unwrap();
/// });
/// let counted = r#"http_requests_total{method="GET",endpoint="/orders/{id}",status="200"} 1"#;
/// assert!(series.iter().any(|line| line == counted));
/// ```
#[derive(Clone)]
pub struct HttpLayer {
    // A router clones its layers for each request, and all threads would write to a reference count.
    shared: &'static Shared,
}

/// What all clones of a layer share.
struct Shared {
    routes: Routes,
    parts: Parts,
}

/// What is done with each request. All of it in one layer, because a router boxes the service, the future and the body of
/// each of its layers.
#[derive(Clone, Copy, Default)]
struct Parts {
    measures: bool,
    identifies: bool,
    catches_panics: bool,
    /// Whether the inner service is a router's, which does nothing before it is polled.
    is_inner_lazy: bool,
    /// Of what a client can choose freely, on spans.
    mask: Option<Mask>,
}

impl HttpLayer {
    /// A layer that measures as `options` say. Its memory is never freed, so make one for a router, not one for a request.
    pub fn new(options: HttpOptions) -> Self {
        Self::with_parts(options, Parts { measures: true, ..Parts::default() })
    }

    /// A layer that measures, when metrics are on, and identifies requests and catches their panics, for a router.
    pub(crate) fn observing(options: HttpOptions, mask: Option<Mask>) -> Self {
        let parts = Parts { measures: true, identifies: true, catches_panics: true, is_inner_lazy: true, mask };
        Self::with_parts(options, parts)
    }

    fn with_parts(options: HttpOptions, parts: Parts) -> Self {
        Self { shared: Box::leak(Box::new(Shared { routes: Routes::new(options), parts })) }
    }
}

/// A layer that gives the request its id and its span, and the response the id.
/// [`Telemetry::observe`](crate::Telemetry::observe) does so too. Its memory is never freed, as with [`HttpLayer::new`].
///
/// ```
/// let router: axum::Router = axum::Router::new().layer(belfry_telemetry::http::identify());
/// # drop(router);
/// ```
pub fn identify() -> HttpLayer {
    HttpLayer::with_parts(HttpOptions::default(), Parts { identifies: true, ..Parts::default() })
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpService { inner, shared: self.shared }
    }
}

/// A service with its requests measured, or identified.
#[derive(Clone)]
pub struct HttpService<S> {
    inner: S,
    shared: &'static Shared,
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
        let Shared { routes, parts } = self.shared;
        let measures = parts.measures && metric::is_on();
        if !measures && !parts.identifies {
            let inner = Some(self.inner.call(request));
            return ResponseFuture { inner, identified: None, guard: None, head_only: false, catches_panics: false };
        }
        let route = routes.find(&mut request);
        let series = if measures { routes.series(route) } else { None };
        let head_only = request.method() == Method::HEAD;
        let (request, guard) = match series.map(RequestGuard::start) {
            Some(guard) => body::measure_request(request, guard),
            None => (request, None),
        };
        let identified = parts.identifies.then(|| Identified::new(&request, route.template, parts.mask));
        let inner = match &identified {
            Some(identified) if !parts.is_inner_lazy => identified.scope(|| self.inner.call(request)),
            _ => self.inner.call(request),
        };
        ResponseFuture { inner: Some(inner), identified, guard, head_only, catches_panics: parts.catches_panics }
    }
}

pin_project! {
    /// The response to a request that is measured, or identified.
    pub struct ResponseFuture<F> {
        // None once it has ended: it is dropped within the request's span.
        #[pin]
        inner: Option<F>,
        identified: Option<Identified>,
        guard: Option<RequestGuard>,
        head_only: bool,
        catches_panics: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What a handler logs when its client leaves belongs to the request.
            if this.inner.is_some() && let Some(identified) = this.identified {
                identified.scope(|| {
                    this.inner.set(None);
                    drop(this.guard.take());
                });
            }
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<AxumBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (inner, catches_panics) = (&mut this.inner, *this.catches_panics);
        let mut result = ready!(match this.identified {
            Some(identified) => identified.scope(|| poll_inner(inner, context, catches_panics)),
            None => poll_inner(inner, context, catches_panics),
        });
        if let (Some(identified), Ok(response)) = (&this.identified, &mut result) {
            identified.respond(response);
        }
        let Some(guard) = this.guard.take() else { return Poll::Ready(result) };
        Poll::Ready(match result {
            Ok(response) => {
                let span = this.identified.as_ref().and_then(Identified::traced_span);
                Ok(measure_response(response, guard, *this.head_only, span))
            }
            // No response at all, which a router never does but another service may: its caller closes the connection.
            Err(error) => {
                match this.identified {
                    Some(identified) => identified.scope(|| guard.fail()),
                    None => guard.fail(),
                }
                ERRORS_TOTAL.with(("service", "http")).increment(1);
                Err(error)
            }
        })
    }
}

/// The inner future's result, dropped as soon as there is one. Of a panic, the response to it.
fn poll_inner<F, B, E>(
    inner: &mut Pin<&mut Option<F>>,
    context: &mut Context<'_>,
    catches_panics: bool,
) -> Poll<Result<Response<AxumBody>, E>>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    // It is polled no more after its end, as any future.
    let Some(future) = inner.as_mut().as_pin_mut() else { return Poll::Pending };
    let polled =
        if catches_panics { catch_unwind(AssertUnwindSafe(|| future.poll(context))) } else { Ok(future.poll(context)) };
    let result = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(result)) => result.map(|response| response.map(AxumBody::new)),
        Err(panic) => Ok(panics::respond(panic)),
    };
    inner.set(None);
    Poll::Ready(result)
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

fn measure_response(
    response: Response<AxumBody>,
    mut guard: RequestGuard,
    head_only: bool,
    span: Option<&Span>,
) -> Response<AxumBody> {
    let endless = response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(&response);
    // The span of an endless response is not kept open for it.
    guard.respond(response.status(), endless, span.filter(|_| !endless));
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if head_only || has_no_body(&response, length) {
        guard.finish();
        return response;
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
