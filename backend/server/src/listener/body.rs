//! Bodies of requests, which must keep up a pace, and of responses, with whose end an exchange ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::activity::Exchange;
use super::pace::Pace;
use super::stream::Timer;
use crate::config::LimitsConfig;
use crate::error::Error;

/// A request's body as it comes. It fails with [`Error::TooSlow`] when it does not keep up.
pub struct PacedBody {
    body: Incoming,
    exchange: Arc<Exchange>,
    pace: Pace,
    timer: Timer,
    expected: String,
    at_end: bool,
}

impl PacedBody {
    /// A body that must bring `SERVER__MIN_BODY_RATE` over each `SERVER__BODY_TIMEOUT`.
    pub fn new(body: Incoming, exchange: Arc<Exchange>, limits: &LimitsConfig) -> Self {
        let window = limits.body_timeout;
        let pace = Pace::at_rate(window, limits.min_body_rate);
        let expected = format!("{} bytes in {} s", pace.least_bytes(), window.as_secs_f64());
        Self { body, exchange, pace, timer: Timer::default(), expected, at_end: false }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.get_mut();
        match Pin::new(&mut body.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
                body.pace.advance(bytes, Instant::now);
                body.at_end = !matches!(frame, Some(Ok(_))) || body.body.is_end_stream();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let now = Instant::now();
                loop {
                    let deadline = body.pace.wait(now);
                    ready!(body.timer.poll_until(deadline, context));
                    if body.pace.is_too_slow(Instant::now()) {
                        let error = Error::TooSlow(body.expected.clone());
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for PacedBody {
    fn drop(&mut self) {
        if !self.at_end {
            self.exchange.leave_unread();
        }
    }
}

/// A response's body.
pub struct AnsweringBody {
    body: Body,
    _exchange: Arc<Exchange>,
}

impl AnsweringBody {
    /// The body of the response that ends this exchange.
    pub fn new(body: Body, exchange: Arc<Exchange>) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl HttpBody for AnsweringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
