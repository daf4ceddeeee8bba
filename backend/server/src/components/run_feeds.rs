//! What this process knows of the runs that clients follow: one feed a run, which all its followers share, and which goes with
//! the last of them. How many there may be is bounded. `training/poller.rs` fills a feed, `training/stream.rs` sends what is in it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore, watch};
use tokio_util::task::AbortOnDropHandle;

/// Steps of a run that are kept for its followers: all that most runs make. Earlier ones are read from the database.
pub const MAX_STEPS_KEPT: usize = 1024;

/// Followers that read earlier steps at the same time.
const MAX_CATCHING_UP: usize = 2;

/// How many followers there may be.
#[derive(Clone, Copy, Debug)]
pub struct FollowerLimits {
    /// In this process.
    pub total: usize,
    /// Of one run.
    pub of_one_run: usize,
}

/// The feeds of this process.
pub struct RunFeeds {
    limits: FollowerLimits,
    feeds: Mutex<Feeds>,
    /// To be held while a follower reads earlier steps from the database.
    pub catching_up: Semaphore,
}

#[derive(Default)]
struct Feeds {
    followers: usize,
    by_run: HashMap<String, Entry>,
}

struct Entry {
    feed: Arc<Feed>,
    followers: usize,
}

/// What is known of one run.
pub struct Feed {
    /// Fills the feed from the first follower on; stopped when the feed is dropped.
    pub poller: OnceCell<AbortOnDropHandle<()>>,
    /// What the poller has read. Without its sender the poller has ended.
    pub known: watch::Receiver<RunKnown>,
    sender: Mutex<Option<watch::Sender<RunKnown>>>,
}

/// The steps of a run, and its end.
#[derive(Default)]
pub struct RunKnown {
    /// Rises when the run is begun again, which counts its steps from 1.
    pub attempt: u64,
    /// In order, without those up to `missing_until`.
    steps: VecDeque<Step>,
    missing_until: i64,
    /// The run as JSON, once it has ended and all its steps are known.
    pub end: Option<Arc<str>>,
}

/// One step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// From 1.
    pub iteration: i64,
    /// The step as JSON.
    pub json: Arc<str>,
}

/// A follower's share of a feed; given back when dropped.
pub struct FeedSlot {
    feeds: Arc<RunFeeds>,
    run_id: String,
    feed: Arc<Feed>,
}

/// Why a run cannot be followed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooManyFollowers {
    /// This many clients follow runs.
    InTotal(usize),
    /// This many clients follow this run.
    OfThisRun(usize),
}

impl RunFeeds {
    /// No run is followed.
    pub fn new(limits: FollowerLimits) -> Self {
        Self { limits, feeds: Mutex::default(), catching_up: Semaphore::new(MAX_CATCHING_UP) }
    }

    /// A share of the feed of this run, which is made when it has none.
    pub fn join(self: &Arc<Self>, run_id: &str) -> Result<FeedSlot, TooManyFollowers> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if feeds.followers >= self.limits.total {
            return Err(TooManyFollowers::InTotal(feeds.followers));
        }
        let entry = feeds
            .by_run
            .entry(run_id.to_owned())
            .or_insert_with(|| Entry { feed: Arc::new(Feed::new()), followers: 0 });
        if entry.followers >= self.limits.of_one_run {
            return Err(TooManyFollowers::OfThisRun(entry.followers));
        }
        entry.followers += 1;
        let feed = entry.feed.clone();
        feeds.followers += 1;
        Ok(FeedSlot { feeds: self.clone(), run_id: run_id.to_owned(), feed })
    }

    fn leave(&self, run_id: &str) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.followers -= 1;
        if let Some(entry) = feeds.by_run.get_mut(run_id) {
            entry.followers -= 1;
            if entry.followers == 0 {
                feeds.by_run.remove(run_id);
            }
        }
    }
}

impl FeedSlot {
    /// The feed.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }
}

impl Drop for FeedSlot {
    fn drop(&mut self) {
        self.feeds.leave(&self.run_id);
    }
}

impl Feed {
    fn new() -> Self {
        let (sender, known) = watch::channel(RunKnown::default());
        Self { poller: OnceCell::new(), known, sender: Mutex::new(Some(sender)) }
    }

    /// What the poller writes to: its own, as the feed counts as ended without it. Only the first call has it.
    pub fn take_sender(&self) -> Option<watch::Sender<RunKnown>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl RunKnown {
    /// The iteration up to which steps are known, here or in the database.
    pub fn reached(&self) -> i64 {
        self.steps.back().map_or(self.missing_until, |step| step.iteration)
    }

    /// The iteration up to which steps are only in the database.
    pub fn missing_until(&self) -> i64 {
        self.missing_until
    }

    /// Forgets the steps; those up to `missing_until` are not to be added.
    pub fn start_at(&mut self, missing_until: i64) {
        self.steps.clear();
        self.missing_until = missing_until;
    }

    /// The run was begun again.
    pub fn begin_attempt(&mut self, missing_until: i64) {
        self.attempt += 1;
        self.start_at(missing_until);
    }

    /// Adds the steps that follow.
    pub fn add(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
        let surplus = self.steps.len().saturating_sub(MAX_STEPS_KEPT);
        if let Some(last) = self.steps.drain(..surplus).next_back() {
            self.missing_until = last.iteration;
        }
    }

    /// Up to `limit` steps after the iteration `last`, which is not before `missing_until`.
    pub fn steps_after(&self, last: i64, limit: usize) -> impl Iterator<Item = &Step> {
        let first = self.steps.partition_point(|step| step.iteration <= last);
        self.steps.range(first..).take(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(iterations: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = Step> {
        iterations.map(|iteration| Step { iteration, json: "{}".into() })
    }

    #[test]
    fn followers_are_bounded_in_total_and_for_each_run() {
        let feeds = Arc::new(RunFeeds::new(FollowerLimits { total: 3, of_one_run: 2 }));
        let first = feeds.join("a").unwrap();
        let second = feeds.join("a").unwrap();
        assert!(Arc::ptr_eq(&first.feed, &second.feed));
        assert_eq!(feeds.join("a").err(), Some(TooManyFollowers::OfThisRun(2)));
        let other = feeds.join("b").unwrap();
        assert_eq!(feeds.join("c").err(), Some(TooManyFollowers::InTotal(3)));
        drop(other);
        assert!(feeds.join("b").is_ok());
        let feed = Arc::downgrade(&first.feed);
        drop((first, second));
        assert!(feed.upgrade().is_none(), "a feed outlived its followers");
        let feeds = feeds.feeds.lock().unwrap();
        assert!(feeds.by_run.is_empty() && feeds.followers == 0);
    }

    #[test]
    fn only_the_last_steps_are_kept() {
        let mut known = RunKnown::default();
        assert_eq!((known.reached(), known.missing_until()), (0, 0));
        known.start_at(10);
        known.add(steps(11..=12));
        assert_eq!((known.reached(), known.missing_until()), (12, 10));
        let max = MAX_STEPS_KEPT as i64;
        known.add(steps(13..=max + 13));
        assert_eq!((known.reached(), known.missing_until()), (max + 13, 13));
        let next: Vec<i64> = known.steps_after(20, 3).map(|step| step.iteration).collect();
        assert_eq!(next, [21, 22, 23]);
        assert_eq!(known.steps_after(max + 13, 3).count(), 0);
        known.begin_attempt(0);
        assert_eq!((known.attempt, known.reached(), known.steps_after(0, 3).count()), (1, 0, 0));
    }
}
