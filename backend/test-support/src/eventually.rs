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
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match ask().await.into_result() {
            Ok(value) => return value,
            Err(last) => assert!(started.elapsed() < limit, "not within {limit:?}: {awaited}; at last: {last}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(MAX_PAUSE);
    }
}
