//! Bodies that are measured as they pass: the answer to its end, and a request body of unknown length.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::http::header;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

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

impl<B: Body> Body for MeasuredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(context);
        let Some(flight) = this.flight else { return polled };
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

/// Notes the request's size: from its head where that says it, else by counting the body as it is read.
pub(super) fn measure_request(request: Request, mut flight: Flight) -> (Request, Flight) {
    if let Some(length) = request.headers().get(header::CONTENT_LENGTH) {
        let length = length.to_str().ok().and_then(|length| length.parse().ok()).unwrap_or(0);
        flight.received = Received::Declared(length);
        return (request, flight);
    }
    if request.body().is_end_stream() {
        return (request, flight);
    }
    let counter = Arc::new(AtomicU64::new(0));
    flight.received = Received::Counted(counter.clone());
    (request.map(|inner| AxumBody::new(CountedBody { inner, counter })), flight)
}

/// How many bytes the client sent.
pub(super) enum Received {
    /// By its own word.
    Declared(u64),
    /// By counting.
    Counted(Arc<AtomicU64>),
}

impl Received {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Declared(length) => *length,
            Self::Counted(counter) => counter.load(Ordering::Relaxed),
        }
    }
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
