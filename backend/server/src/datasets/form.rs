//! An upload as a multipart form: `name` and `ttl_seconds` where wanted, then `file`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use multer::{Field, Multipart};

use super::body::Incoming;
use super::options::{DatasetPlan, UploadOptions, is_gzip};
use super::receive::{Received, receive, wait_for_client};
use crate::error::{Error, Result};
use crate::request;
use crate::state::App;

/// The bytes around the file's field, and what may be read before it is processed.
pub const OVERHEAD_BYTES: u64 = 2 << 20;

const MAX_TEXT_BYTES: usize = 4096;

/// Reads the form. Nothing of it is stored unless all of it is right.
pub async fn read(
    app: &App,
    id: &str,
    boundary: String,
    mut requested: UploadOptions,
    body: Incoming,
) -> Result<(Received, DatasetPlan)> {
    let processed = Arc::new(AtomicU64::new(0));
    let body = Paced { body, handed_bytes: 0, processed: processed.clone(), pauses: false };
    let mut form = Multipart::new(body, boundary);
    let mut received = None;
    while let Some(field) = wait_for_client(app, form.next_field()).await?.map_err(refusal)? {
        match (field.name(), &received) {
            (Some("file"), None) => {
                let plan = DatasetPlan::new(&app.config.retention, &requested, field.file_name())?;
                let gzip = field.content_type().is_some_and(|kind| is_gzip(kind.essence_str()));
                let pieces = field.map(|piece| {
                    let piece = piece.map_err(refusal)?;
                    processed.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Ok(piece)
                });
                received = Some((receive(app, id, gzip, pieces).await?, plan));
            }
            (Some("name"), None) => requested.name = Some(text(app, field, &processed).await?),
            (Some("ttl_seconds"), None) => requested.ttl_seconds = Some(text(app, field, &processed).await?),
            (Some("file"), Some(_)) => return Err(invalid("there is more than one field `file`")),
            (Some("name" | "ttl_seconds"), Some(_)) => {
                return Err(invalid("found `name` or `ttl_seconds` after `file`, expected them before it"));
            }
            (other, _) => {
                let found = request::shown(other.unwrap_or_default());
                let detail = format!("found the field {found}, expected `file`, `name` and `ttl_seconds`");
                return Err(invalid(&detail));
            }
        }
    }
    received.ok_or_else(|| invalid("there is no field `file`"))
}

async fn text(app: &App, mut field: Field<'_>, processed: &AtomicU64) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = wait_for_client(app, field.chunk()).await?.map_err(refusal)? {
        processed.fetch_add(piece.len() as u64, Ordering::Relaxed);
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_TEXT_BYTES {
            return Err(invalid("a text field is longer than 4096 bytes"));
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid("a text field is not UTF-8"))
}

fn invalid(detail: &str) -> Error {
    Error::BadRequest { code: "invalid_form", detail: detail.to_owned() }
}

fn refusal(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(_) => Error::Incomplete,
        },
        error => invalid(&format!("the multipart form cannot be read: {error}")),
    }
}

/// A body that is not read faster than it is processed. The form's parser takes all that is there before it looks at
/// it, and looks for the end of a part's head for as long as there is a body.
struct Paced {
    body: Incoming,
    handed_bytes: u64,
    processed: Arc<AtomicU64>,
    pauses: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        // The parser goes on reading until there is nothing: after each piece there is nothing, once.
        if std::mem::take(&mut self.pauses) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = std::task::ready!(self.body.poll_next_unpin(context));
        if let Some(Ok(piece)) = &polled {
            self.pauses = true;
            self.handed_bytes += piece.len() as u64;
            if self.handed_bytes > self.processed.load(Ordering::Relaxed) + OVERHEAD_BYTES {
                return Poll::Ready(Some(Err(invalid("multipart overhead exceeds the limit"))));
            }
        }
        Poll::Ready(polled)
    }
}
