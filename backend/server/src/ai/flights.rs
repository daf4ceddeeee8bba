//! Texts that are being written in this process: one task for each, which all who ask for it meanwhile share, and which goes on
//! when they go away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::subject::Subject;
use super::text::AiText;
use crate::error::{Error, RETRY_PAUSE, Result};
use crate::labels::BudgetName;

/// All texts that are being written.
#[derive(Default)]
pub(super) struct Flights {
    by_subject: Arc<Mutex<HashMap<Subject, Flight>>>,
    tasks: TaskTracker,
}

type Flight = Shared<BoxFuture<'static, Result<Written, SharedError>>>;

/// A text, and whether it was written for those who asked.
#[derive(Clone, Debug)]
pub struct Written {
    pub text: AiText,
    pub is_new: bool,
}

/// An error that several are answered. The first has it as it is, so that it is logged once.
#[derive(Clone)]
struct SharedError {
    original: Arc<Mutex<Option<Error>>>,
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    /// Of an exhausted budget: which, and when it opens.
    budget: Option<(BudgetName, Option<i64>)>,
}

/// Takes a flight off the list, also when its task panics.
struct Landing {
    by_subject: Arc<Mutex<HashMap<Subject, Flight>>>,
    subject: Subject,
}

impl Flights {
    /// The text that is being written about a subject, or else what `write` returns.
    pub async fn join(
        &self,
        subject: &Subject,
        write: impl Future<Output = Result<Written>> + Send + 'static,
    ) -> Result<Written> {
        let flight = {
            let mut flights = self.by_subject.lock().unwrap_or_else(PoisonError::into_inner);
            flights.get(subject).cloned().unwrap_or_else(|| {
                let flight = self.begin(subject, write);
                flights.insert(subject.clone(), flight.clone());
                flight
            })
        };
        flight.await.map_err(SharedError::into_error)
    }

    fn begin(&self, subject: &Subject, write: impl Future<Output = Result<Written>> + Send + 'static) -> Flight {
        let landing = Landing { by_subject: self.by_subject.clone(), subject: subject.clone() };
        let task = async move {
            let _landing = landing;
            write.await
        };
        let task = self.tasks.spawn(task.in_current_span());
        let ended = async move {
            let panicked = |panic| Error::Internal(anyhow::Error::new(panic).context("writing a text panicked"));
            task.await.unwrap_or_else(|panic| Err(panicked(panic))).map_err(SharedError::new)
        };
        ended.boxed().shared()
    }

    /// Waits until every text is written; none may be begun after that.
    pub async fn land(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.by_subject.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.subject);
    }
}

impl SharedError {
    fn new(error: Error) -> Self {
        let retry_after = match &error {
            Error::Ai { retry_after, .. } => *retry_after,
            error => (error.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_PAUSE),
        };
        let budget = match &error {
            Error::BudgetExhausted { budget, opens_at, .. } => Some((*budget, *opens_at)),
            _ => None,
        };
        let (status, code, detail) = (error.status(), error.code(), error.to_string());
        Self { original: Arc::new(Mutex::new(Some(error))), status, code, detail, retry_after, budget }
    }

    fn into_error(self) -> Error {
        let original = self.original.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Self { status, code, detail, retry_after, budget, .. } = self;
        original.unwrap_or(match budget {
            Some((budget, opens_at)) => Error::BudgetExhausted { budget, opens_at, detail },
            None => Error::Ai { status, code, detail, retry_after },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::ai::subject::SubjectKind;

    fn subject(id: &str) -> Subject {
        Subject { kind: SubjectKind::Run, id: id.to_owned() }
    }

    async fn failing(begun: Arc<AtomicU32>) -> Result<Written> {
        begun.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Err(Error::Busy("the first".to_owned()))
    }

    #[tokio::test]
    async fn who_asks_meanwhile_shares_the_end() {
        let (flights, begun) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let (run, other) = (subject("a"), subject("b"));
        let join = |subject| flights.join(subject, failing(begun.clone()));
        let (first, second, third) = tokio::join!(join(&run), join(&run), join(&other));
        let (first, second) = (first.unwrap_err(), second.unwrap_err());
        assert_eq!((first.code(), second.code()), ("busy", "busy"));
        assert!(matches!((&first, &second), (Error::Busy(_), Error::Ai { .. }) | (Error::Ai { .. }, Error::Busy(_))));
        assert!(matches!(third.unwrap_err(), Error::Busy(_)));
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        assert!(join(&run).await.is_err());
        assert_eq!(begun.load(Ordering::Relaxed), 3, "an end was given again");
    }

    #[test]
    fn who_joined_is_told_when_to_come_back() {
        let joined = |error: Error| {
            let shared = SharedError::new(error);
            drop(shared.clone().into_error());
            shared.into_error()
        };
        let exhausted =
            Error::BudgetExhausted { budget: BudgetName::Daily, opens_at: Some(7), detail: "spent".to_owned() };
        let told = joined(exhausted);
        assert!(
            matches!(told, Error::BudgetExhausted { budget: BudgetName::Daily, opens_at: Some(7), .. }),
            "{told:?}"
        );
        let told = joined(Error::Busy("busy".to_owned()));
        assert!(matches!(told, Error::Ai { retry_after: Some(RETRY_PAUSE), .. }), "{told:?}");
        assert!(matches!(joined(Error::NotFound("run")), Error::Ai { retry_after: None, .. }));
    }

    #[tokio::test]
    async fn it_goes_on_when_all_have_gone_away() {
        let (flights, begun) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let run = subject("a");
        assert!(flights.join(&run, failing(begun.clone())).now_or_never().is_none());
        flights.land().await;
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        assert!(flights.by_subject.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_leaves_nothing_behind() {
        let (flights, run) = (Flights::default(), subject("a"));
        let panicking = async { panic!("on purpose") };
        assert!(matches!(flights.join(&run, panicking).await, Err(Error::Internal(_))));
        assert!(flights.by_subject.lock().unwrap().is_empty());
    }
}
