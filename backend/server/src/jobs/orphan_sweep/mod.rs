//! The job `orphan_sweep`: files that no row references, left by a process that died between writing a file and committing its row
//! (`files.rs`); rows whose file is gone (`rows.rs`); and what dead processes left in `DATA__DIR`.

mod files;
mod rows;

use super::Components;
use crate::config::JobsConfig;
use crate::error::{Error, Result, chain};
use crate::leases::HEARTBEAT_TIMEOUT;
use crate::scheduler::{Job, JobMetadata, Plan, RunContext};
use crate::{backup, components};

/// After this many failures the store itself is failing, and checking every file would take hours.
const MAX_FAILURES: u64 = 100;

/// Items that could not be checked or removed. None of them stops the rest.
#[derive(Default)]
struct Failures {
    total: u64,
    first: Option<String>,
}

impl Failures {
    /// # Errors
    /// This one, when it is one too many.
    fn count(&mut self, error: Error) -> Result<()> {
        self.total += 1;
        tracing::warn!(cause = chain(&error), "orphan sweep skipped an item");
        if self.first.is_none() {
            self.first = Some(chain(&error));
        }
        if self.total > MAX_FAILURES { Err(error) } else { Ok(()) }
    }

    /// The value of a part of the sweep, or the default of one that ended early, which is counted.
    fn value_or_count<T: Default>(&mut self, ended: Result<T>) -> T {
        ended.unwrap_or_else(|error| {
            // That there are too many does not matter here.
            let _ = self.count(error);
            T::default()
        })
    }
}

/// The job.
pub(super) struct OrphanSweep(pub(super) Components);

impl Job for OrphanSweep {
    const NAME: &'static str = "orphan_sweep";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan::new(config.orphan_sweep_schedule.clone(), config)
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        sweep(&self.0, &context.metadata).await
    }
}

/// Removes orphans older than `CLEANUP__ORPHAN_GRACE`: younger files may be about to get their row.
///
/// # Errors
/// The items that failed; the counts of what was done are in the metadata.
async fn sweep(components: &Components, metadata: &JobMetadata) -> Result<()> {
    if !components.lease_clock.can_judge(HEARTBEAT_TIMEOUT) {
        // A file just written may look old, and its row may be about to be committed.
        metadata.set("skipped", "the clock has jumped or the database was away just now");
        return Ok(());
    }
    for count in ["orphans", "half_written"] {
        metadata.add(count, 0);
    }
    let mut failures = Failures::default();
    let ended = files::sweep(components, metadata, &mut failures).await;
    failures.value_or_count(ended);
    let ended = rows::sweep(components, &mut failures).await;
    let rows = failures.value_or_count(ended);
    metadata.set("rows_without_file", rows.missing);
    metadata.set("rows_removed", rows.removed);
    let ended = remove_left_over(components).await;
    metadata.set("dead_workplaces", failures.value_or_count(ended));
    metadata.set("interrupted", components.stopping.is_cancelled());
    match failures.first {
        None => Ok(()),
        Some(first) => {
            let count = failures.total;
            metadata.set("failures", count);
            Err(Error::Storage(anyhow::anyhow!("{count} failures, the first: {first}")))
        }
    }
}

/// Removes what dead processes and interrupted restores left in `DATA__DIR`. Returns the number of worker folders removed.
async fn remove_left_over(components: &Components) -> Result<u64> {
    let config = components.config.clone();
    let left_over = tokio::task::spawn_blocking(move || {
        let (work, grace) = (config.data.dir.join("work"), config.cleanup.orphan_grace);
        let cut_off = backup::remove_cut_off(&config, grace);
        let removed = components::instance::remove_abandoned_instances(&work, grace)?;
        cut_off.map(|_| removed)
    });
    let left_over = left_over.await.map_err(|panic| Error::Internal(panic.into()))?;
    left_over.map_err(Error::folder("folder for work in progress"))
}
