//! How many threads of the runtime may do blocking work: as many as the settings allow, and no more than leaves the rest of the
//! service its share of the processes that its container may have.

use std::path::Path;
use std::thread::available_parallelism;

use super::cgroup::process_limit;
use crate::config::{Config, LEAST_BLOCKING_THREADS};

/// Threads besides those that are counted below: the page of metrics, logs, spans, StatsD, and the container's health check
/// with its runtime.
const OTHER_THREADS: usize = 24;

/// A training child has two threads, and its start another one here.
const THREADS_OF_WORKER: usize = 3;

/// The most threads of the runtime that do blocking work at the same time.
pub fn blocking_threads(config: &Config) -> usize {
    let limit = process_limit(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"));
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    within_limit(config, limit, available_parallelism().map_or(1, usize::from))
}

fn within_limit(config: &Config, limit: usize, processors: usize) -> usize {
    // SQLite has a thread for each connection.
    let is_embedded = config.database.url.is_empty();
    let of_database = if is_embedded { config.database.max_connections as usize } else { 0 };
    let of_workers = THREADS_OF_WORKER * config.training.workers as usize;
    // The runtime of the server and that of its health check.
    let others = OTHER_THREADS + 2 * processors + of_database + of_workers;
    config.server.blocking_threads.min(limit.saturating_sub(others)).max(LEAST_BLOCKING_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_limit_leaves_room_for_everything_else() {
        let config = Config::read([]).unwrap();
        assert_eq!(within_limit(&config, usize::MAX, 2), 64);
        // As docker-compose.yml has it, also on a large machine.
        assert_eq!(within_limit(&config, 512, 128), 64);
        assert_eq!(within_limit(&config, 100, 2), 61);
        assert_eq!(within_limit(&config, 40, 2), LEAST_BLOCKING_THREADS);
        let many = [("SERVER__BLOCKING_THREADS", "512"), ("DATABASE__URL", "postgres://database")];
        let many = Config::read(many.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        assert_eq!(within_limit(&many, 512, 2), 481);
    }
}
