//! The bytes of an upload as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::components::upload_slots::UploadProgress;
use crate::error::{Error, Result};

/// How long a refused upload may go on sending, and how long it may pause meanwhile.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_PAUSE: Duration = Duration::from_secs(5);

/// A body that is read to its end even after its reader has lost interest.
///
/// A client that is still sending when the connection is closed does not see the response: what it
/// sends then makes its system discard the response. So the rest is read and dropped for a while.
pub struct Incoming {
    body: Option<BodyDataStream>,
    /// The client waits for `100 Continue`, which is sent when the body is first read. Until then, none comes.
    waits_for_us: bool,
    stopping: CancellationToken,
    progress: Arc<UploadProgress>,
}

impl Incoming {
    /// Takes over a request's body.
    pub fn new(body: Body, headers: &HeaderMap, stopping: CancellationToken) -> Self {
        let waits_for_us = headers.get(header::EXPECT).is_some_and(|expect| expect.as_bytes() == b"100-continue");
        Self { body: Some(body.into_data_stream()), waits_for_us, stopping, progress: Arc::default() }
    }

    /// How its bytes come.
    pub fn progress(&self) -> Arc<UploadProgress> {
        self.progress.clone()
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.waits_for_us = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(polled) = body.poll_next_unpin(context) else {
            self.progress.wait();
            return Poll::Pending;
        };
        self.progress.advance(polled.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len));
        if !matches!(polled, Some(Ok(_))) {
            self.body = None;
        }
        // It cannot be read on: the client went away, is too slow, or broke the protocol.
        Poll::Ready(polled.map(|piece| piece.map_err(|error| Error::from_body(&error))))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|_| !self.waits_for_us) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let stopping = self.stopping.clone();
        runtime.spawn(async move {
            let rest = async { while let Ok(Some(Ok(_))) = tokio::time::timeout(LINGER_PAUSE, body.next()).await {} };
            stopping.run_until_cancelled(tokio::time::timeout(LINGER, rest)).await
        });
    }
}
