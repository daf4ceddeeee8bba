//! Readings: gauges that are set from what is read rather than counted, taken just before a page is written.
//!
//! A reading is somebody else's code and may ask an operating system that does not answer, such as of the file system of a
//! server that is gone. So each is given a while; one that takes longer loses its gauges until it is through, and holds up
//! neither the page nor the others.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::Gauge;

use crate::catalogue::ERRORS_TOTAL;
use crate::metric;

/// Sets gauges from what is read rather than counted.
pub(crate) type Reading = Box<dyn Fn() + Send>;

/// How long one reading may take: much longer than any does, and short beside a scrape's usual limit of 10 s.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often readings are taken when there is no page before which to take them.
const EVERY: Duration = Duration::from_secs(10);

/// All readings of the process.
pub(crate) struct Readings {
    readings: Mutex<Vec<Arc<Slot>>>,
    // Held while they are taken, by one scrape at a time.
    reader: Mutex<Option<Reader>>,
    deadline: Duration,
}

struct Slot {
    take: Mutex<Reading>,
    /// What it set when it was last taken, of what may be absent.
    touched: Mutex<Vec<Gauge>>,
    /// Whether it has overrun its time and is not through yet. Then it is not taken again, so no threads pile up.
    is_stuck: AtomicBool,
}

/// The thread that takes readings, one after the other. It ends when its `Sender` is dropped.
struct Reader {
    slots: Sender<Arc<Slot>>,
    through: Receiver<()>,
}

impl Default for Readings {
    fn default() -> Self {
        Self::within(DEADLINE)
    }
}

impl Readings {
    /// Readings of which each may take this long.
    pub(super) fn within(deadline: Duration) -> Self {
        Self { readings: Mutex::default(), reader: Mutex::default(), deadline }
    }

    pub(crate) fn add(&self, reading: Reading) {
        let (take, touched) = (Mutex::new(reading), Mutex::default());
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(Slot {
            take,
            touched,
            is_stuck: AtomicBool::new(false),
        }));
    }

    /// Takes each reading that is not still being taken. Blocks, for one deadline at most for each that hangs, once.
    pub(crate) fn take(&self) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.readings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for slot in slots.into_iter().filter(|slot| !slot.is_stuck.load(Ordering::Acquire)) {
            let Some(running) = reader.take().or_else(Reader::start) else { return };
            // Set before it begins, so that the thread, which clears it, comes after.
            slot.is_stuck.store(true, Ordering::Release);
            // The thread waits for this as long as we hold its other end, so it is there.
            let _ = running.slots.send(slot.clone());
            if running.through.recv_timeout(self.deadline).is_ok() {
                *reader = Some(running);
            } else {
                // The thread is left to itself, and ends once its reading does.
                tracing::warn!(
                    deadline_ms = self.deadline.as_millis(),
                    "a reading is overdue and its gauges are not shown"
                );
                slot.forget();
            }
        }
    }

    /// Takes them from now on where nobody scrapes a page, as with StatsD alone. Needs a Tokio runtime.
    pub(crate) fn take_now_and_then(&'static self) {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                // Off the async threads. That it cannot panic is `Slot::take`'s affair.
                let _ = tokio::task::spawn_blocking(|| self.take()).await;
            }
        });
    }
}

impl Reader {
    fn start() -> Option<Self> {
        let (slots, wanted) = mpsc::channel::<Arc<Slot>>();
        let (done, through) = mpsc::channel();
        let run = move || {
            for slot in wanted {
                slot.take();
                slot.is_stuck.store(false, Ordering::Release);
                if done.send(()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("readings".to_owned()).spawn(run).ok()?;
        Some(Self { slots, through })
    }
}

impl Slot {
    fn take(&self) {
        let take = self.take.lock().unwrap_or_else(PoisonError::into_inner);
        let mut panic = None;
        let touched = metric::touched(|| panic = catch_unwind(AssertUnwindSafe(&*take)).err());
        let earlier = std::mem::replace(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner), touched);
        if let Some(panic) = panic {
            ERRORS_TOTAL.with(["panic", "telemetry"]).increment(1);
            tracing::error!(cause = said(&*panic), "a reading panicked and its gauges are not shown");
            earlier.iter().for_each(|gauge| gauge.set(f64::NAN));
            self.forget();
        }
    }

    fn forget(&self) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|gauge| gauge.set(f64::NAN));
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}
