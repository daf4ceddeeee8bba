//! A page as it is rendered: in chunks of whole families, so that a large page needs no buffer of its size, and no lock and
//! no thread is held while a scraper takes its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::negotiation::Format;
use super::text::{self, Text};
use super::{open_metrics, protobuf};
use crate::registry::{Family, Store};

/// After this many bytes a chunk ends with the family that is being written.
const CHUNK_BYTES: usize = 256 * 1024;

/// The rest of a page, which each of its readers has for itself.
#[derive(Clone)]
pub(super) struct Rendering {
    format: Format,
    // Sorted by name.
    families: Arc<[(String, Arc<Family>)]>,
    next: usize,
    is_finished: bool,
    longest_chunk: usize,
    /// What has been rendered so far, and how long that took.
    pub(super) samples: usize,
    pub(super) bytes: usize,
    pub(super) elapsed: Duration,
}

impl Rendering {
    pub(super) fn begin(store: &Store, format: Format) -> Self {
        let families = store.families().into();
        let (next, is_finished, longest_chunk) = (0, false, 0);
        Self { format, families, next, is_finished, longest_chunk, samples: 0, bytes: 0, elapsed: Duration::ZERO }
    }

    /// Whether the whole page has been rendered.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The next part of the page. Takes a while with many series.
    pub(super) fn next_chunk(&mut self) -> Vec<u8> {
        let started = Instant::now();
        let chunk = match self.format {
            Format::Text | Format::OpenMetrics => self.text_chunk().into_bytes(),
            Format::Protobuf => self.protobuf_chunk(),
        };
        self.elapsed += started.elapsed();
        self.bytes += chunk.len();
        self.longest_chunk = self.longest_chunk.max(chunk.len());
        chunk
    }

    fn text_chunk(&mut self) -> String {
        let mut page = Text { text: String::with_capacity(self.longest_chunk), ..Text::default() };
        if self.format == Format::OpenMetrics {
            page.exemplar = Some(open_metrics::write_exemplar);
        }
        while let Some((name, family)) = self.next_family(page.text.len()) {
            match self.format {
                Format::OpenMetrics => page.family(&name, &family, |text| {
                    open_metrics::write_head(text, &name, &family, |other| self.has_family(other));
                }),
                _ => page.family(&name, &family, |text| text::write_head(text, &name, &family)),
            }
        }
        if self.is_finished && self.format == Format::OpenMetrics {
            page.text.push_str(open_metrics::END);
        }
        self.samples += page.samples;
        page.text
    }

    fn protobuf_chunk(&mut self) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(self.longest_chunk);
        while let Some((name, family)) = self.next_family(chunk.len()) {
            self.samples += protobuf::write_family(&mut chunk, &name, &family);
        }
        chunk
    }

    /// The next family of a chunk that has this many bytes; `None` at its end, which may be that of the page.
    fn next_family(&mut self, written: usize) -> Option<(String, Arc<Family>)> {
        let next = self.families.get(self.next).cloned();
        self.is_finished = next.is_none();
        let next = next.filter(|_| written < CHUNK_BYTES)?;
        self.next += 1;
        Some(next)
    }

    fn has_family(&self, name: &str) -> bool {
        self.families.binary_search_by(|(other, _)| other.as_str().cmp(name)).is_ok()
    }
}
