//! Which changes of alerts become messages: each once, none of one that comes and goes all the time, and never more than people
//! can read.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;

use super::message::Message;
use super::store::Finding;
use crate::config::{AlertsConfig, AlertsMode};
use crate::events::alert::AlertMessage;
use crate::labels::{AlertMessageOutcome, Severity};

/// In which at most `ALERTS__MAX_MESSAGES` are sent.
const PERIOD: Duration = Duration::from_secs(600);

/// Takes the text of a message.
pub type SendMessage = Box<dyn Fn(String) + Send + Sync>;

/// Decides what is sent.
pub struct Announcer {
    /// None: nobody is notified.
    send: Option<SendMessage>,
    repeat_after: Duration,
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
    known: Mutex<HashMap<(String, String), Known>>,
}

/// What is known of the messages about one alert.
struct Known {
    /// As which it was last said to be open, if it was not said to be resolved since.
    announced: Option<Severity>,
    /// Whether it was opened here and could not be announced then.
    is_pending: bool,
    /// Whether it was announced before it was on record, since the database does not answer.
    is_unrecorded: bool,
    /// When the last message about it was sent, or it was first seen.
    last: Instant,
}

impl Known {
    fn new(announced: Option<Severity>) -> Self {
        Self { announced, is_pending: false, is_unrecorded: false, last: Instant::now() }
    }
}

impl Announcer {
    /// One that hands messages to `send`; in the mode `observe` it hands on none.
    pub fn new(config: &AlertsConfig, send: Option<SendMessage>) -> Self {
        let burst = NonZeroU32::new(config.max_messages).unwrap_or(NonZeroU32::MIN);
        let period = PERIOD / burst.get();
        let quota = Quota::with_period(period).unwrap_or(Quota::per_hour(burst)).allow_burst(burst);
        Self {
            send: send.filter(|_| config.mode == AlertsMode::Notify),
            repeat_after: config.repeat_after,
            limiter: RateLimiter::direct(quota),
            left_out: AtomicU64::new(0),
            known: Mutex::default(),
        }
    }

    /// An alert was raised: `now`, or it had been open before.
    pub(super) fn raised(&self, finding: Finding<'_>, now: bool) {
        let key = (finding.name.to_owned(), finding.source.to_owned());
        let mut known = self.known();
        let is_new = match known.get_mut(&key) {
            // Opened before this process began or by another one, whose announcement it is.
            None if !now => {
                known.insert(key.clone(), Known::new(Some(finding.severity)));
                false
            }
            None => true,
            Some(entry) if entry.is_unrecorded => {
                entry.is_unrecorded = false;
                false
            }
            Some(entry) => {
                let is_worse = entry.announced.is_some_and(|announced| finding.severity > announced);
                // Opened again although the last that was said here is that it is open: another process has resolved it.
                let is_due = (now || entry.is_pending) && entry.last.elapsed() >= self.repeat_after;
                if now && !is_due && !is_worse {
                    (entry.announced, entry.is_pending) = (None, true);
                    AlertMessage { outcome: AlertMessageOutcome::Repeated }.emit();
                }
                is_worse || is_due
            }
        };
        if is_new {
            let entry = known.entry(key).or_insert_with(|| Known::new(None));
            if self.announce_raised(finding) {
                *entry = Known::new(Some(finding.severity));
            } else {
                // The next time that it is raised.
                (entry.announced, entry.is_pending) = (None, true);
            }
        }
    }

    /// An alert that the database does not take: it is announced at once, and not again when it is on record.
    pub(super) fn raised_unrecorded(&self, finding: Finding<'_>) {
        let key = (finding.name.to_owned(), finding.source.to_owned());
        let mut known = self.known();
        if known.get(&key).is_none_or(|entry| entry.announced.is_none() && entry.last.elapsed() >= self.repeat_after)
            && self.announce_raised(finding)
        {
            known.insert(key, Known { is_unrecorded: true, ..Known::new(Some(finding.severity)) });
        }
    }

    /// An alert of this severity was resolved.
    pub(super) fn resolved(&self, component: &str, name: &str, source: &str, severity: Severity) {
        let was_announced = {
            let mut known = self.known();
            let now = Instant::now();
            // Forgets alerts that were resolved long ago.
            known.retain(|_, entry| {
                entry.announced.is_some() || entry.is_pending || now.duration_since(entry.last) < self.repeat_after
            });
            let before = known.insert((name.to_owned(), source.to_owned()), Known::new(None));
            before.is_none_or(|before| before.announced.is_some())
        };
        if was_announced {
            self.announce(Severity::Info, component, format!("{name} is resolved ({severity}; {source})."));
        }
    }

    fn announce_raised(&self, finding: Finding<'_>) -> bool {
        let Finding { name, severity, component, summary, description, .. } = finding;
        self.announce(severity, component, format!("{name}: {summary}\n{description}"))
    }

    /// Returns whether nothing is left to be said: it was sent, or nobody is to be notified.
    fn announce(&self, severity: Severity, component: &str, mut text: String) -> bool {
        let Some(send) = &self.send else {
            AlertMessage { outcome: AlertMessageOutcome::Off }.emit();
            return true;
        };
        if self.limiter.check().is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            AlertMessage { outcome: AlertMessageOutcome::LimitReached }.emit();
            return false;
        }
        match self.left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            count => {
                let said = format!("\n\n{count} messages were left out before; GET /api/v1/alerts has all alerts.");
                text.push_str(&said);
            }
        }
        AlertMessage { outcome: AlertMessageOutcome::Sent }.emit();
        send(Message { severity, component, time: Timestamp::now(), text: &text }.to_text());
        true
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;

    fn announcer(settings: &[(&str, &str)]) -> (Announcer, Arc<Mutex<Vec<String>>>) {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::read(settings).unwrap().alerts;
        let sent: Arc<Mutex<Vec<String>>> = Arc::default();
        let into = sent.clone();
        let send = move |message: String| into.lock().unwrap().push(without_time(&message));
        (Announcer::new(&config, Some(Box::new(send))), sent)
    }

    /// The level and the text.
    fn without_time(message: &str) -> String {
        let (head, text) = message.split_once("\n\n").unwrap();
        let level = head.lines().next().unwrap().split(' ').next_back().unwrap();
        format!("{level} {text}")
    }

    fn finding(severity: Severity) -> Finding<'static> {
        let (component, summary, description) = ("resources", "Almost full.", "90 %");
        Finding { name: "DiskAlmostFull", severity, component, summary, description, source: "here" }
    }

    #[test]
    fn an_alert_is_announced_once_and_again_when_it_gets_worse() {
        let (announcer, sent) = announcer(&[]);
        announcer.raised(finding(Severity::Warning), true);
        announcer.raised(finding(Severity::Warning), false);
        announcer.raised(finding(Severity::Critical), false);
        announcer.raised(finding(Severity::Warning), false);
        announcer.resolved("resources", "DiskAlmostFull", "here", Severity::Warning);
        let expected = [
            "WARNING DiskAlmostFull: Almost full.\n90 %",
            "CRITICAL DiskAlmostFull: Almost full.\n90 %",
            "INFO DiskAlmostFull is resolved (warning; here).",
        ];
        assert_eq!(*sent.lock().unwrap(), expected);
    }

    #[test]
    fn one_that_comes_and_goes_is_announced_when_it_stays() {
        let (announcer, sent) = announcer(&[("ALERTS__REPEAT_AFTER", "50ms")]);
        for _ in 0..5 {
            announcer.raised(finding(Severity::Warning), true);
            announcer.resolved("resources", "DiskAlmostFull", "here", Severity::Warning);
        }
        assert_eq!(sent.lock().unwrap().len(), 2, "the first time and its end");
        announcer.raised(finding(Severity::Warning), true);
        std::thread::sleep(Duration::from_millis(60));
        announcer.raised(finding(Severity::Warning), false);
        assert_eq!(sent.lock().unwrap().len(), 3);
    }

    #[test]
    fn one_that_another_process_has_resolved_is_announced_again() {
        let (announcer, sent) = announcer(&[("ALERTS__REPEAT_AFTER", "50ms")]);
        announcer.raised(finding(Severity::Warning), true);
        std::thread::sleep(Duration::from_millis(60));
        // It is raised all the time, and nothing is new.
        announcer.raised(finding(Severity::Warning), false);
        assert_eq!(sent.lock().unwrap().len(), 1);
        announcer.raised(finding(Severity::Warning), true);
        assert_eq!(sent.lock().unwrap().len(), 2);
        // And the other way round: resolved here, opened and announced elsewhere.
        announcer.resolved("resources", "DiskAlmostFull", "here", Severity::Warning);
        std::thread::sleep(Duration::from_millis(60));
        announcer.raised(finding(Severity::Warning), false);
        assert_eq!(sent.lock().unwrap().len(), 3, "only its end");
    }

    #[test]
    fn what_is_not_on_record_yet_is_announced_once() {
        let (announcer, sent) = announcer(&[]);
        announcer.raised_unrecorded(finding(Severity::Critical));
        announcer.raised_unrecorded(finding(Severity::Critical));
        announcer.raised(finding(Severity::Critical), true);
        announcer.raised(finding(Severity::Critical), false);
        assert_eq!(sent.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_another_process_has_opened_is_not_announced_twice() {
        let (announcer, sent) = announcer(&[]);
        announcer.raised(finding(Severity::Warning), false);
        assert_eq!(sent.lock().unwrap().len(), 0);
        announcer.resolved("resources", "DiskAlmostFull", "here", Severity::Warning);
        assert_eq!(sent.lock().unwrap().len(), 1, "its end is");
    }

    #[test]
    fn no_more_are_sent_than_the_limit_and_the_next_says_so() {
        let (announcer, sent) = announcer(&[("ALERTS__MAX_MESSAGES", "2")]);
        let sources = ["a", "b", "c", "d"];
        for source in sources {
            announcer.raised(Finding { source, ..finding(Severity::Warning) }, true);
        }
        assert_eq!(sent.lock().unwrap().len(), 2);
        assert_eq!(announcer.left_out.load(Ordering::Relaxed), 2);
        // What was left out is not said to be resolved; it was never said to be there.
        announcer.resolved("resources", "DiskAlmostFull", "d", Severity::Warning);
        assert_eq!(announcer.left_out.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn nobody_is_notified_in_the_mode_observe() {
        let (announcer, sent) = announcer(&[("ALERTS__MODE", "observe")]);
        announcer.raised(finding(Severity::Critical), true);
        assert_eq!(sent.lock().unwrap().len(), 0);
    }
}
