//! Bodies that are measured as they pass: the response to its end, and the request as far as it is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body as AxumBody;
use axum::extract::Request;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::panics;
use super::request_guard::RequestGuard;

pin_project! {
    /// A response body that ends its request's measurement when it ends or is dropped.
    pub(super) struct MeasuredBody<B> {
        #[pin]
        inner: B,
        guard: Option<RequestGuard>,
        // The connection stops polling once this many bytes were sent.
        length: Option<u64>,
    }
}

impl<B> MeasuredBody<B> {
    pub(super) fn new(inner: B, guard: RequestGuard, length: Option<u64>) -> Self {
        Self { inner, guard: Some(guard), length }
    }
}

impl<B> Body for MeasuredBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(guard) = this.guard else { return this.inner.poll_frame(context).map_err(Into::into) };
        // A panic would close the whole connection, and break off the other responses on it.
        let polled = catch_unwind(AssertUnwindSafe(|| this.inner.as_mut().poll_frame(context)));
        let polled = polled
            .map(|polled| polled.map_err(Into::into))
            .unwrap_or_else(|panic| Poll::Ready(Some(Err(panics::body_panicked(&*panic)))));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    guard.add_sent(data.remaining() as u64);
                }
                if this.inner.is_end_stream() || this.length.is_some_and(|length| guard.sent_bytes() >= length) {
                    this.guard.take().into_iter().for_each(RequestGuard::finish);
                }
            }
            Poll::Ready(None) => this.guard.take().into_iter().for_each(RequestGuard::finish),
            // The rest of the response is lost: the client sees a broken connection.
            Poll::Ready(Some(Err(_))) => this.guard.take().into_iter().for_each(RequestGuard::fail),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Counts the request's body as it is read, because a client may announce more than it sends.
pub(super) fn measure_request(request: Request, mut guard: RequestGuard) -> (Request, Option<RequestGuard>) {
    // Most requests have no body.
    if request.body().is_end_stream() || !guard.measures_sizes() {
        return (request, Some(guard));
    }
    let counter = Arc::new(AtomicU64::new(0));
    guard.received = Some(counter.clone());
    (request.map(|inner| AxumBody::new(CountedBody { inner, counter })), Some(guard))
}

pin_project! {
    struct CountedBody {
        #[pin]
        inner: AxumBody,
        counter: Arc<AtomicU64>,
    }
}

impl Body for CountedBody {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
