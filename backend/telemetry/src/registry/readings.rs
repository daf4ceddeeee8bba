//! Readings: gauges that are set from what is read rather than counted, taken just before a page is written.
//!
//! A reading is the service's code and may ask an operating system that does not answer, for example about a file system
//! whose server is gone. So each has a deadline. Past it, its gauges are hidden until it returns, and neither the page nor
//! the other readings wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::Gauge;

use crate::catalogue::ERRORS_TOTAL;
use crate::error_text::panic_message;
use crate::metric;

/// Sets gauges from what is read rather than counted.
pub(crate) type Reading = Box<dyn Fn() + Send>;

/// How long one reading may take: much longer than any does, and short beside a scrape's usual limit of 10 s.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often readings run when there is no page before which to run them.
const READ_INTERVAL: Duration = Duration::from_secs(10);

/// All readings of the process.
pub(crate) struct Readings {
    readings: Mutex<Vec<Arc<Slot>>>,
    // Locked while they run, by one scrape at a time.
    thread: Mutex<Option<ReadingThread>>,
    deadline: Duration,
}

/// One reading and the state of its last run.
struct Slot {
    reading: Mutex<Reading>,
    /// Which gauges that may be absent it set when it last ran.
    gauges: Mutex<Vec<Gauge>>,
    /// Whether it is past its deadline and has not returned. It is not started again meanwhile, so no threads pile up.
    is_stuck: AtomicBool,
}

/// The thread that runs readings, one after the other. It ends when its `Sender` is dropped.
struct ReadingThread {
    slots: Sender<Arc<Slot>>,
    done: Receiver<()>,
}

impl Default for Readings {
    fn default() -> Self {
        Self::with_deadline(DEADLINE)
    }
}

impl Readings {
    /// Readings of which each may take this long.
    fn with_deadline(deadline: Duration) -> Self {
        Self { readings: Mutex::default(), thread: Mutex::default(), deadline }
    }

    pub(crate) fn add(&self, reading: Reading) {
        let (reading, gauges) = (Mutex::new(reading), Mutex::default());
        let slot = Slot { reading, gauges, is_stuck: AtomicBool::new(false) };
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(slot));
    }

    /// Runs each reading that is not still running. Blocks, once for each that hangs and no longer than its deadline.
    pub(crate) fn run_all(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.readings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for slot in slots.into_iter().filter(|slot| !slot.is_stuck.load(Ordering::Acquire)) {
            let Some(running) = thread.take().or_else(ReadingThread::start) else { return };
            // Before it starts, because the thread clears it.
            slot.is_stuck.store(true, Ordering::Release);
            // The thread lives as long as we hold this sender, so this cannot fail.
            let _ = running.slots.send(slot.clone());
            if running.done.recv_timeout(self.deadline).is_ok() {
                *thread = Some(running);
            } else {
                // The thread is left behind and ends when its reading returns.
                tracing::warn!(deadline_ms = self.deadline.as_millis(), "reading timed out, its gauges are hidden");
                slot.hide_gauges();
            }
        }
    }

    /// Runs them periodically from now on. Needs a Tokio runtime.
    pub(super) fn run_periodically(&'static self) {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(READ_INTERVAL);
            loop {
                ticks.tick().await;
                // It blocks. A panic of a reading is caught in `Slot::run`.
                let _ = tokio::task::spawn_blocking(|| self.run_all()).await;
            }
        });
    }
}

impl ReadingThread {
    fn start() -> Option<Self> {
        let (slots, queue) = mpsc::channel::<Arc<Slot>>();
        let (finished, done) = mpsc::channel();
        let run = move || {
            for slot in queue {
                slot.run();
                slot.is_stuck.store(false, Ordering::Release);
                if finished.send(()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("readings".to_owned()).spawn(run).ok()?;
        Some(Self { slots, done })
    }
}

impl Slot {
    fn run(&self) {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut panic = None;
        let gauges = metric::record_gauges(|| panic = catch_unwind(AssertUnwindSafe(&*reading)).err());
        let earlier = std::mem::replace(&mut *self.gauges.lock().unwrap_or_else(PoisonError::into_inner), gauges);
        if let Some(panic) = panic {
            ERRORS_TOTAL.with(("panic", "telemetry")).increment(1);
            tracing::error!(cause = panic_message(&*panic), "reading panicked, its gauges are hidden");
            earlier.iter().for_each(|gauge| gauge.set(f64::NAN));
            self.hide_gauges();
        }
    }

    fn hide_gauges(&self) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|gauge| gauge.set(f64::NAN));
    }
}
