//! Bodies that are measured as they pass: the answer to its end, and the request as far as it is read.

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
use super::series::Flight;

pin_project! {
    /// A response body that ends its request's measurement when it ends or is dropped.
    pub(super) struct MeasuredBody<B> {
        #[pin]
        inner: B,
        flight: Option<Flight>,
        // The connection stops asking once this many bytes were sent.
        length: Option<u64>,
    }
}

impl<B> MeasuredBody<B> {
    pub(super) fn new(inner: B, flight: Flight, length: Option<u64>) -> Self {
        Self { inner, flight: Some(flight), length }
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
        let Some(flight) = this.flight else { return this.inner.poll_frame(context).map_err(Into::into) };
        // A panic would tear down the whole connection, and with it the other answers on it.
        let polled = catch_unwind(AssertUnwindSafe(|| this.inner.as_mut().poll_frame(context)));
        let polled = polled
            .map(|polled| polled.map_err(Into::into))
            .unwrap_or_else(|panic| Poll::Ready(Some(Err(panics::body_panicked(&*panic)))));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    flight.sent(data.remaining() as u64);
                }
                if this.inner.is_end_stream() || this.length.is_some_and(|length| flight.sent_bytes() >= length) {
                    flight.finished();
                    *this.flight = None;
                }
            }
            Poll::Ready(None) => {
                flight.finished();
                *this.flight = None;
            }
            // The rest of the answer is lost: the client sees a broken connection.
            Poll::Ready(Some(Err(_))) => {
                flight.broke();
                *this.flight = None;
            }
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

/// Counts the request's body as it is read. What a client only announces, it may never send.
pub(super) fn measure_request(request: Request, mut flight: Flight) -> (Request, Flight) {
    // Most requests have no body, and of those nothing more is asked.
    if request.body().is_end_stream() || !flight.measures_sizes() {
        return (request, flight);
    }
    let counter = Arc::new(AtomicU64::new(0));
    flight.received = Some(counter.clone());
    (request.map(|inner| AxumBody::new(CountedBody { inner, counter })), flight)
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
