//! What a connection is doing, as its stream, its bodies and its handler tell.

use std::sync::{Arc, Mutex, PoisonError};

use futures::task::AtomicWaker;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has come since then.
    Silent { since: Instant, requests: u64 },
    /// A header began to come then.
    Header { since: Instant },
    /// A request is answered, or its body still read.
    Answering,
}

/// Shared by all who deal with one connection.
pub struct Activity {
    state: Mutex<State>,
    /// Wakes the stream when a phase begins in which it has a deadline.
    waker: AtomicWaker,
    stopping: CancellationToken,
}

struct State {
    phase: Phase,
    /// Requests whose headers were complete.
    requests: u64,
    /// The client may still be sending what nobody reads.
    unread: bool,
    lingering: bool,
    /// The next bytes are what is left of a body that nobody reads.
    expects_rest: bool,
    rest_came: bool,
    /// Part of a response still waits for the client, though its body has been handed over.
    unwritten: bool,
}

impl Activity {
    /// Of a connection that was just accepted.
    pub fn new(stopping: CancellationToken) -> Self {
        let phase = Phase::Silent { since: Instant::now(), requests: 0 };
        let state = State {
            phase,
            requests: 0,
            unread: false,
            lingering: false,
            expects_rest: false,
            rest_came: false,
            unwritten: false,
        };
        Self { state: Mutex::new(state), waker: AtomicWaker::new(), stopping }
    }

    fn with<T>(&self, use_state: impl FnOnce(&mut State) -> T) -> T {
        // No code that can panic runs under the lock.
        use_state(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The phase, of which `waker` is told when it ends elsewhere.
    pub fn phase(&self, waker: &std::task::Waker) -> Phase {
        self.waker.register(waker);
        self.with(|state| match state.phase {
            Phase::Silent { .. } if state.unwritten => Phase::Answering,
            phase => phase,
        })
    }

    /// The client does not take what is written as fast as it comes.
    pub fn wait_for_client(&self) {
        self.with(|state| state.unwritten = true);
    }

    /// All that was written has gone out: only now a silence begins. hyper tells this each time it has done what it can.
    pub fn finish_writing(&self) {
        let silent = self.with(|state| {
            // hyper reads the rest of a body in one go, or closes the connection.
            if std::mem::take(&mut state.rest_came) {
                state.expects_rest = false;
            }
            let waited = std::mem::take(&mut state.unwritten);
            match &mut state.phase {
                Phase::Silent { since, .. } if waited => {
                    *since = Instant::now();
                    true
                }
                _ => false,
            }
        });
        if silent {
            self.waker.wake();
        }
    }

    /// Bytes came. Returns whether they are the first of a header.
    pub fn receive(&self) -> bool {
        self.with(|state| {
            if state.expects_rest {
                state.rest_came = true;
                return false;
            }
            let begins = matches!(state.phase, Phase::Silent { .. });
            if begins {
                state.phase = Phase::Header { since: Instant::now() };
            }
            begins
        })
    }

    /// How many headers were complete by now.
    pub fn requests(&self) -> u64 {
        self.with(|state| state.requests)
    }

    /// The same, unless a request is being answered.
    pub fn requests_ended(&self) -> Option<u64> {
        self.with(|state| (state.phase != Phase::Answering).then_some(state.requests))
    }

    /// Whether a request is being answered, or its response still written.
    pub fn is_answering(&self) -> bool {
        self.with(|state| state.phase == Phase::Answering || state.unwritten)
    }

    /// A request's header is complete. Its exchange ends when all clones of the returned value are dropped.
    pub fn begin_exchange(activity: &Arc<Self>) -> Arc<Exchange> {
        let number = activity.with(|state| {
            state.phase = Phase::Answering;
            state.requests += 1;
            (state.unread, state.expects_rest, state.rest_came) = (false, false, false);
            state.requests
        });
        Arc::new(Exchange { activity: activity.clone(), number })
    }

    /// The client may still be sending what nobody reads.
    pub fn leave_unread(&self) {
        self.with(|state| state.unread = true);
    }

    /// Whether to read on for a while before the connection is closed. Closed at once, it would be reset, and the client
    /// would lose the answer that it has not read.
    pub fn linger(&self) -> bool {
        let stopping = self.stopping.is_cancelled();
        self.with(|state| {
            state.lingering = state.unread && !stopping;
            state.lingering
        })
    }

    /// Whether the connection is only open for the client to read its answer.
    pub fn is_lingering(&self) -> bool {
        self.with(|state| state.lingering)
    }
}

/// One request and its response.
pub struct Exchange {
    activity: Arc<Activity>,
    /// Which of the connection's requests it is. What is left of a body may be dropped after the next one has begun.
    number: u64,
}

impl Exchange {
    /// The request's body was dropped before its end.
    pub fn leave_unread(&self) {
        self.activity.with(|state| {
            if state.requests == self.number {
                (state.unread, state.expects_rest) = (true, true);
            }
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.activity.with(|state| {
            if state.requests == self.number {
                state.phase = Phase::Silent { since: Instant::now(), requests: state.requests };
            }
        });
        self.activity.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn phase(activity: &Activity) -> Phase {
        activity.phase(Waker::noop())
    }

    #[tokio::test]
    async fn a_response_that_is_still_written_is_no_silence() {
        let activity = Arc::new(Activity::new(CancellationToken::new()));
        let exchange = Activity::begin_exchange(&activity);
        activity.wait_for_client();
        drop(exchange);
        assert_eq!((phase(&activity), activity.is_answering()), (Phase::Answering, true));
        activity.finish_writing();
        assert!(matches!(phase(&activity), Phase::Silent { requests: 1, .. }) && !activity.is_answering());
    }

    #[tokio::test]
    async fn the_rest_of_a_body_does_not_begin_a_header() {
        let activity = Arc::new(Activity::new(CancellationToken::new()));
        let exchange = Activity::begin_exchange(&activity);
        exchange.leave_unread();
        drop(exchange);
        activity.finish_writing();
        // However many reads hyper needs.
        assert!(!activity.receive() && !activity.receive());
        activity.finish_writing();
        assert!(matches!(phase(&activity), Phase::Silent { requests: 1, .. }) && activity.linger());
        assert!(activity.receive());
        assert!(matches!(phase(&activity), Phase::Header { .. }));
    }

    #[tokio::test]
    async fn the_rest_of_a_request_does_not_end_the_next() {
        let activity = Arc::new(Activity::new(CancellationToken::new()));
        let first = Activity::begin_exchange(&activity);
        let second = Activity::begin_exchange(&activity);
        first.leave_unread();
        drop(first);
        assert_eq!((phase(&activity), activity.linger()), (Phase::Answering, false));
        second.leave_unread();
        drop(second);
        assert!(matches!(phase(&activity), Phase::Silent { requests: 2, .. }) && activity.linger());
    }
}
