//! What the Tokio runtime says of itself.

use tokio::runtime::Handle;

use crate::catalogue::{TOKIO_ALIVE_TASKS, TOKIO_GLOBAL_QUEUE_DEPTH, TOKIO_WORKER_BUSY_SECONDS_TOTAL, TOKIO_WORKERS};

/// A runtime at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuntimeReading {
    /// Threads that run tasks.
    pub workers: usize,
    /// Tasks that have not ended.
    pub alive_tasks: usize,
    /// Tasks that wait in the shared queue.
    pub global_queue_depth: usize,
    /// Time for which the threads ran tasks, all together, in seconds.
    pub busy_seconds: f64,
}

impl RuntimeReading {
    /// Reads a runtime, from any thread.
    pub fn read(runtime: &Handle) -> Self {
        let metrics = runtime.metrics();
        let busy = (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker).as_secs_f64());
        Self {
            workers: metrics.num_workers(),
            alive_tasks: metrics.num_alive_tasks(),
            global_queue_depth: metrics.global_queue_depth(),
            busy_seconds: busy.sum(),
        }
    }

    /// Sets the runtime's gauges.
    pub fn emit(self) {
        TOKIO_WORKERS.set(self.workers as f64);
        TOKIO_ALIVE_TASKS.set(self.alive_tasks as f64);
        TOKIO_GLOBAL_QUEUE_DEPTH.set(self.global_queue_depth as f64);
        TOKIO_WORKER_BUSY_SECONDS_TOTAL.set(self.busy_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed_series;

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn a_runtime_says_how_many_threads_and_tasks_it_has() {
        let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        let reading = RuntimeReading::read(&Handle::current());
        assert_eq!((reading.workers, reading.alive_tasks), (3, 5));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        let reading = RuntimeReading { busy_seconds: 1.5, global_queue_depth: 0, ..reading };
        let expected = [
            "tokio_alive_tasks 5",
            "tokio_global_queue_depth 0",
            "tokio_worker_busy_seconds_total 1.5",
            "tokio_workers 3",
        ];
        assert_eq!(changed_series(|| reading.emit()), expected);
    }
}
