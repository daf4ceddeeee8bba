//! Waiting for a condition, in one way for all tests: asked again soon, and with the last answer when it never comes.

use std::time::{Duration, Instant};

/// How long anything awaited may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause after the first question; it grows, so that a long wait takes no processor from the others.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// What a question comes to: `true`, `Some` or `Ok` ends the wait.
pub trait Answer {
    /// What the wait returns.
    type Value;

    /// The value, or what there is instead.
    ///
    /// # Errors
    /// If it is not what is awaited.
    fn into_result(self) -> Result<Self::Value, String>;
}

impl Answer for bool {
    type Value = ();

    fn into_result(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("it is not so".to_owned()) }
    }
}

impl<T> Answer for Option<T> {
    type Value = T;

    fn into_result(self) -> Result<T, String> {
        self.ok_or_else(|| "there is none".to_owned())
    }
}

impl<T> Answer for Result<T, String> {
    type Value = T;

    fn into_result(self) -> Result<T, String> {
        self
    }
}

/// Asks until the answer is what is awaited, and returns it.
///
/// # Panics
/// After `limit`, with the sentence `awaited` and the last answer.
pub async fn eventually<A: Answer>(awaited: &str, limit: Duration, mut ask: impl AsyncFnMut() -> A) -> A::Value {
    let mut wait = Wait::begin(awaited, limit);
    loop {
        match ask().await.into_result() {
            Ok(value) => return value,
            Err(last) => tokio::time::sleep(wait.next_pause(&last)).await,
        }
    }
}

/// The same for tests without a runtime, and where asking blocks anyway.
///
/// # Panics
/// After `limit`, with the sentence `awaited` and the last answer.
pub fn eventually_blocking<A: Answer>(awaited: &str, limit: Duration, mut ask: impl FnMut() -> A) -> A::Value {
    let mut wait = Wait::begin(awaited, limit);
    loop {
        match ask().into_result() {
            Ok(value) => return value,
            Err(last) => std::thread::sleep(wait.next_pause(&last)),
        }
    }
}

/// How long a wait has lasted, and when to ask again.
struct Wait<'a> {
    awaited: &'a str,
    limit: Duration,
    started: Instant,
    pause: Duration,
}

impl<'a> Wait<'a> {
    fn begin(awaited: &'a str, limit: Duration) -> Self {
        Self { awaited, limit, started: Instant::now(), pause: FIRST_PAUSE }
    }

    /// The pause before the next question. Panics when there is no time left for one.
    fn next_pause(&mut self, last: &str) -> Duration {
        let (awaited, limit) = (self.awaited, self.limit);
        assert!(self.started.elapsed() < limit, "not within {limit:?}: {awaited}; at last: {last}");
        let pause = self.pause;
        self.pause = (pause * 3 / 2).min(MAX_PAUSE);
        pause
    }
}
