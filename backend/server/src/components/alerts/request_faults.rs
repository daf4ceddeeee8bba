//! Requests that failed by a fault of this side: gathered in memory, so that a flood of them costs nothing, and so that they are on
//! record also when it is the database that failed, once it answers again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Alerts, Finding};
use crate::database::bounds::with_background_timeout;
use crate::error::chain;
use crate::labels::{Component, Severity};

/// The pause between two times of putting them on record.
const PAUSE: Duration = Duration::from_secs(4);

/// How long faults are gathered before they are put on record.
const GATHERING: Duration = Duration::from_secs(1);

/// Without a further fault for so long, the alert is resolved.
const QUIET: Duration = Duration::from_secs(600);

/// A request that failed.
#[derive(Clone, Debug)]
pub struct RequestFault {
    /// Of what the fault was.
    pub component: Component,
    /// The error's code.
    pub code: &'static str,
    /// Method and route.
    pub request: String,
}

/// An alert about requests.
struct About {
    component: Component,
    name: &'static str,
    summary: &'static str,
    severity: Severity,
}

const ALERTS: [About; 3] = [
    About {
        component: Component::Database,
        name: "DatabaseErrors",
        summary: "Requests fail because of the database.",
        severity: Severity::Critical,
    },
    About {
        component: Component::Storage,
        name: "StorageErrors",
        summary: "Requests fail because of the file store.",
        severity: Severity::Critical,
    },
    About {
        component: Component::Api,
        name: "ApiErrors",
        summary: "Requests fail by an error of the service.",
        severity: Severity::Error,
    },
];

/// The place in `ALERTS` of the alert that a fault belongs to.
fn place_of(component: Component) -> usize {
    match component {
        Component::Database => 0,
        Component::Storage => 1,
        Component::Api | Component::Training => 2,
    }
}

/// Those since an alert was raised, or since this process began.
struct Faults {
    count: u64,
    /// How many of them are on record.
    recorded: u64,
    first: jiff::Timestamp,
    last_at: Instant,
    last: Option<RequestFault>,
    /// Whether the alert may be open: it was raised, here or by this process's predecessor.
    may_be_open: bool,
}

impl Faults {
    fn none(may_be_open: bool) -> Self {
        Self { count: 0, recorded: 0, first: jiff::Timestamp::now(), last_at: Instant::now(), last: None, may_be_open }
    }
}

/// The faults of each kind of alert.
pub(super) struct RequestFaults {
    /// Each data folder has alerts of its own, and resolves those.
    source: String,
    faults: Mutex<[Faults; ALERTS.len()]>,
    added: Notify,
}

/// What is to be put on record.
enum Change {
    Raise { count: u64, description: String },
    Resolve { count: u64 },
}

impl RequestFaults {
    /// None so far, in the data folder with this id.
    pub(super) fn new(folder_id: &str) -> Self {
        let faults = Mutex::new(ALERTS.map(|_| Faults::none(true)));
        Self { source: source_of(folder_id), faults, added: Notify::new() }
    }

    pub(super) fn add(&self, fault: RequestFault) {
        let mut all = self.faults();
        let faults = &mut all[place_of(fault.component)];
        if faults.count == faults.recorded {
            self.added.notify_one();
        }
        if faults.count == 0 {
            faults.first = jiff::Timestamp::now();
        }
        (faults.count, faults.last_at, faults.last) = (faults.count + 1, Instant::now(), Some(fault));
    }

    /// Raises and resolves the alerts until the process stops.
    pub(super) async fn record(&self, alerts: &Alerts, stopping: CancellationToken) {
        let work = async {
            loop {
                self.record_once(alerts, QUIET).await;
                let _ = tokio::time::timeout(PAUSE, self.added.notified()).await;
                tokio::time::sleep(GATHERING).await;
            }
        };
        stopping.run_until_cancelled(work).await;
    }

    /// Puts on record what is new, and resolves what has been quiet for this long.
    pub(super) async fn record_once(&self, alerts: &Alerts, quiet: Duration) {
        for (place, about) in ALERTS.iter().enumerate() {
            let About { component, name, summary, severity } = *about;
            let (component, source) = (component.as_ref(), self.source.as_str());
            let recorded = match self.change(place, quiet) {
                None => continue,
                Some(Change::Resolve { count }) => {
                    let resolved = with_background_timeout(alerts.resolve(component, name, source)).await;
                    resolved.map(|()| self.is_resolved(place, count))
                }
                Some(Change::Raise { count, description }) => {
                    let finding = Finding { name, severity, component, summary, description: &description, source };
                    let raised = with_background_timeout(alerts.raise(finding)).await;
                    if raised.is_err() {
                        alerts.announcer.raised_unrecorded(finding);
                    }
                    raised.map(|()| self.is_raised(place, count))
                }
            };
            if let Err(error) = recorded {
                // Tried again after the pause.
                tracing::debug!(name, cause = chain(&error), "the alert could not be put on record");
            }
        }
    }

    fn change(&self, place: usize, quiet: Duration) -> Option<Change> {
        let all = self.faults();
        let Faults { count, recorded, first, last_at, last, may_be_open } = &all[place];
        let count = *count;
        match last {
            Some(RequestFault { code, request, .. }) if count > *recorded => {
                let description = format!("{count} requests have failed since {first:.0}; at last {request}: {code}");
                Some(Change::Raise { count, description })
            }
            _ => (*may_be_open && last_at.elapsed() >= quiet).then_some(Change::Resolve { count }),
        }
    }

    fn is_raised(&self, place: usize, count: u64) {
        let faults = &mut self.faults()[place];
        (faults.recorded, faults.may_be_open) = (count, true);
    }

    fn is_resolved(&self, place: usize, count: u64) {
        let faults = &mut self.faults()[place];
        if faults.count == count {
            *faults = Faults::none(false);
        }
    }

    fn faults(&self) -> MutexGuard<'_, [Faults; ALERTS.len()]> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The source of the alerts about requests of a data folder's server.
pub fn source_of(folder_id: &str) -> String {
    format!("requests@{folder_id}")
}
