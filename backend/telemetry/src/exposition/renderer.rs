//! The thread that writes pages, chunk by chunk, for however many ask.
//!
//! A page that somebody asks for is begun after that, and everyone who asks before it is begun shares its first chunk, which of
//! most pages is the whole. What follows in a long page is written for each reader when the reader has taken what came
//! before: a slow one holds a chunk and a place, and neither a thread nor the page of others.
//!
//! It is a thread of its own, because those of the runtime for blocking work may all be waiting for a slow disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::Page;
use super::negotiation::Format;
use super::rendering::Rendering;
use crate::catalogue::ERRORS_TOTAL;
use crate::error_text::panic_message;

/// While this many chunks of long pages wait for the thread, no further long page is begun. Each takes under a millisecond.
pub(super) const MAX_WAITING_CHUNKS: usize = 64;

/// A chunk, and the rest of its page.
pub(super) type Rendered = (Bytes, Rendering);

/// A page that everyone who asked for it waits for; nothing until its first chunk is written.
type Beginning = watch::Receiver<Option<Rendered>>;

/// Why there is no page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotRendered {
    /// It is a long one, and too many of those are being read.
    Busy,
    /// Writing it panicked.
    Failed,
}

/// What the thread is given to do.
pub(super) enum Job {
    Begin(Format, watch::Sender<Option<Rendered>>),
    Continue(Rendering, oneshot::Sender<Rendered>),
}

/// The way to the thread.
pub(super) struct Renderer {
    jobs: Sender<Job>,
    /// Pages that were asked for and are not begun.
    asked: Mutex<Vec<(Format, Beginning)>>,
    waiting_chunks: AtomicUsize,
}

impl Renderer {
    /// A renderer, and the jobs that its thread gives to [`run`](Self::run).
    pub(super) fn new() -> (Self, Receiver<Job>) {
        let (jobs, queue) = mpsc::channel();
        (Self { jobs, asked: Mutex::default(), waiting_chunks: AtomicUsize::new(0) }, queue)
    }

    /// The first chunk of a page that is begun after this call.
    ///
    /// # Errors
    /// [`NotRendered`].
    pub(super) async fn begin(&self, format: Format) -> Result<Rendered, NotRendered> {
        let mut beginning = self.ask(format);
        // Without its sender the page has panicked.
        let rendered = beginning.wait_for(Option::is_some).await.ok().and_then(|rendered| rendered.clone());
        let (chunk, rendering) = rendered.ok_or(NotRendered::Failed)?;
        if !rendering.is_finished() && self.waiting_chunks.load(Ordering::Relaxed) >= MAX_WAITING_CHUNKS {
            return Err(NotRendered::Busy);
        }
        Ok((chunk, rendering))
    }

    fn ask(&self, format: Format) -> Beginning {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, beginning)) = asked.iter().find(|(other, _)| *other == format) {
            return beginning.clone();
        }
        let (sender, beginning) = watch::channel(None);
        // Only without its thread could this fail, and then the sender is gone with it.
        let _ = self.jobs.send(Job::Begin(format, sender));
        asked.push((format, beginning.clone()));
        beginning
    }

    /// The next chunk of a page; nothing when writing it panicked.
    pub(super) async fn next_chunk(&self, rendering: Rendering) -> Option<Rendered> {
        let (sender, rendered) = oneshot::channel();
        self.waiting_chunks.fetch_add(1, Ordering::Relaxed);
        // As above.
        let _ = self.jobs.send(Job::Continue(rendering, sender));
        rendered.await.ok()
    }

    /// Does what comes from `jobs`: the work of the thread. A panic costs the page that was being written.
    pub(super) fn run(&self, page: &Page, jobs: Receiver<Job>) {
        for job in jobs {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.render(page, job))) {
                ERRORS_TOTAL.with(("panic", "telemetry")).increment(1);
                tracing::error!(cause = panic_message(&*panic), "rendering the page of metrics panicked");
            }
        }
    }

    pub(super) fn render(&self, page: &Page, job: Job) {
        match job {
            Job::Begin(format, sender) => {
                // Who asks from now on expects what happens from now on, and gets the next page.
                self.asked.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != format);
                // All who asked have gone.
                if sender.is_closed() {
                    return;
                }
                sender.send_replace(Some(page.begin(format)));
            }
            Job::Continue(rendering, sender) => {
                self.waiting_chunks.fetch_sub(1, Ordering::Relaxed);
                if !sender.is_closed() {
                    // Its reader may have left meanwhile.
                    let _ = sender.send(page.next_chunk(rendering));
                }
            }
        }
    }
}
