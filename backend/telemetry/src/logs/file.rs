//! Writes log events to files, one for each UTC day, `<service>.<date>.jsonl` in `LOG__DIR`, a JSON object a line.
//!
//! Files are written by a thread of their own, so that a slow disk never blocks the code that logs. Lines beyond its bounded
//! queue are dropped and counted. Removing old files is left to the service; [`date_of`] identifies them.

use std::path::Path;

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::catalogue::TELEMETRY_LOG_LINES_DROPPED_TOTAL;
use crate::error_text::chain;
use crate::settings::SettingsError;

/// Lines that may wait for the disk; at some hundred bytes a line a few MiB.
const QUEUE_LINES: usize = 16_384;

const SUFFIX: &str = "jsonl";

/// The thread that writes. Dropped, it writes what is pending, for about a second at most.
pub(crate) struct LogFiles {
    dropped: ErrorCounter,
    _writing: WorkerGuard,
}

impl LogFiles {
    /// Opens today's file in `folder`, which is created if it is missing.
    pub(super) fn open(folder: &Path, service: &str) -> Result<(NonBlocking, Self), SettingsError> {
        let files = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(service)
            .filename_suffix(SUFFIX)
            .build(folder);
        let files = files.map_err(|error| SettingsError {
            variable: "LOG__DIR".to_owned(),
            found: format!("`{}` ({})", folder.display(), chain(&error)),
            expected: "a folder that can be written to".to_owned(),
        })?;
        let (writer, writing) =
            NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).finish(files);
        let dropped = writer.error_counter();
        Ok((writer, Self { dropped, _writing: writing }))
    }

    /// Updates the counter of dropped lines.
    pub(crate) fn reading(&self) -> impl Fn() + Send + 'static {
        let dropped = self.dropped.clone();
        move || TELEMETRY_LOG_LINES_DROPPED_TOTAL.with(()).absolute(dropped.dropped_lines() as u64)
    }
}

/// The layer that writes events to the files.
pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(writer: NonBlocking) -> impl Layer<S> {
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer)
}

/// The day of a log file of `service`, as in its name: `2026-01-31`. None for any other file.
///
/// ```
/// use belfry_telemetry::logs::date_of;
///
/// assert_eq!(date_of("shop", "shop.2026-01-31.jsonl"), Some("2026-01-31"));
/// assert_eq!(date_of("shop", "notes.txt"), None);
/// ```
pub fn date_of<'n>(service: &str, file_name: &'n str) -> Option<&'n str> {
    let date = file_name.strip_prefix(service)?.strip_prefix('.')?.strip_suffix(SUFFIX)?.strip_suffix('.')?;
    let digits_at = |range: std::ops::Range<usize>| date.as_bytes()[range].iter().all(u8::is_ascii_digit);
    let shaped = date.len() == 10 && date.is_ascii() && digits_at(0..4) && digits_at(5..7) && digits_at(8..10);
    (shaped && &date[4..5] == "-" && &date[7..8] == "-").then_some(date)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn only_our_own_files_have_a_date() {
        assert_eq!(date_of("belfry", "belfry.2026-01-31.jsonl"), Some("2026-01-31"));
        for other in ["belfry.2026-01-31.log", "other.2026-01-31.jsonl", "belfry.2026-1-31.jsonl", "belfry.jsonl"] {
            assert_eq!(date_of("belfry", other), None, "{other}");
        }
        assert_eq!(date_of("belfry", "belfry.éééé-01.jsonl"), None);
    }

    #[test]
    fn lines_are_written_to_the_file_of_the_day() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, files) = LogFiles::open(folder.path(), "shop").unwrap();
        writer.write_all(b"{}\n").unwrap();
        drop((writer, files));
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [path] = names.as_slice() else { panic!("{names:?}") };
        assert!(date_of("shop", path.file_name().unwrap().to_str().unwrap()).is_some(), "{path:?}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{}\n");
    }

    /// A disk that blocks until the sender is dropped.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // Also ends when the test is over.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_stuck_disk_cannot_take_is_dropped_and_counted() {
        let (go_on, stuck) = mpsc::channel();
        let (mut writer, writing) = NonBlockingBuilder::default().buffered_lines_limit(10).finish(Stuck(stuck));
        let files = LogFiles { dropped: writer.error_counter(), _writing: writing };
        for _ in 0..100 {
            writer.write_all(b"line\n").unwrap();
        }
        // Ten wait, and at most one is being written.
        assert!((89..=90).contains(&files.dropped.dropped_lines()), "{}", files.dropped.dropped_lines());
        drop(go_on);
    }
}
