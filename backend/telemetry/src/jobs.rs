//! The job monitor: a guard that counts one run of a scheduled job and says how it ended.
//!
//! Where runs are kept, and when they are due, is the service's own affair.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::catalogue::{
    SCHEDULER_JOB_DURATION_SECONDS, SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS, SCHEDULER_JOB_MISSES_TOTAL,
    SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS, SCHEDULER_JOB_OVERLAPS_TOTAL, SCHEDULER_JOBS_IN_PROGRESS,
    SCHEDULER_JOBS_TOTAL,
};
use crate::metric::InProgress;

/// One run of a job under way. Dropped without a word it is `aborted`: right on cancel and on panic.
pub struct JobRun {
    job_name: &'static str,
    started: Instant,
    /// None: somebody else counts it.
    status: Option<&'static str>,
    _in_progress: InProgress,
}

impl JobRun {
    /// Begins a run.
    pub fn begin(job_name: &'static str) -> Self {
        let in_progress = InProgress::enter(SCHEDULER_JOBS_IN_PROGRESS.with([job_name]));
        Self { job_name, started: Instant::now(), status: Some("aborted"), _in_progress: in_progress }
    }

    /// The run did its work. Returns how long it took.
    pub fn succeeded(mut self) -> Duration {
        self.status = Some("success");
        SCHEDULER_JOB_LAST_SUCCESS_TIMESTAMP_SECONDS.with([self.job_name]).set(unix_seconds(SystemTime::now()));
        self.started.elapsed()
    }

    /// The run ended in an error, which its caller logs. Returns how long it took.
    pub fn failed(mut self) -> Duration {
        self.status = Some("failed");
        self.started.elapsed()
    }

    /// The run was given up because another process has declared it dead, by [`aborted`].
    pub fn taken_over(mut self) {
        self.status = None;
    }
}

impl Drop for JobRun {
    fn drop(&mut self) {
        let Some(status) = self.status else { return };
        SCHEDULER_JOBS_TOTAL.with([self.job_name, status]).increment(1);
        SCHEDULER_JOB_DURATION_SECONDS.with([self.job_name]).record(self.started.elapsed().as_secs_f64());
    }
}

/// A run ended without a word, as somebody else has found.
pub fn aborted(job_name: &'static str) {
    SCHEDULER_JOBS_TOTAL.with([job_name, "aborted"]).increment(1);
}

/// Makes a job's series known before its first run.
pub fn announce(job_name: &'static str) {
    for status in ["success", "failed", "aborted"] {
        SCHEDULER_JOBS_TOTAL.with([job_name, status]).increment(0);
    }
    SCHEDULER_JOBS_IN_PROGRESS.with([job_name]).increment(0.0);
    SCHEDULER_JOB_OVERLAPS_TOTAL.with([job_name]).increment(0);
    SCHEDULER_JOB_MISSES_TOTAL.with([job_name]).increment(0);
}

/// Says when the job is next due.
pub fn next_due(job_name: &'static str, due: SystemTime) {
    SCHEDULER_JOB_NEXT_DUE_TIMESTAMP_SECONDS.with([job_name]).set(unix_seconds(due));
}

/// The job was due while its last run was still under way.
pub fn overlapped(job_name: &'static str) {
    SCHEDULER_JOB_OVERLAPS_TOTAL.with([job_name]).increment(1);
}

/// The job was due `times` times and did not start.
pub fn missed(job_name: &'static str, times: u64) {
    SCHEDULER_JOB_MISSES_TOTAL.with([job_name]).increment(times);
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::moved;

    /// What a run moves when `end` ends it, without the values of times.
    fn ended(end: impl FnOnce(JobRun)) -> Vec<String> {
        let series = moved(|| end(JobRun::begin("nightly"))).into_iter();
        series.filter(|line| !line.contains("_seconds")).collect()
    }

    fn succeed(run: JobRun) {
        let _elapsed = run.succeeded();
    }

    fn fail(run: JobRun) {
        let _elapsed = run.failed();
    }

    #[test]
    fn a_run_is_counted_once_by_how_it_ended() {
        let expected = |status| {
            [
                r#"scheduler_jobs_in_progress{job_name="nightly"} 0"#.to_owned(),
                format!(r#"scheduler_jobs_total{{job_name="nightly",status="{status}"}} 1"#),
            ]
        };
        assert_eq!(ended(succeed), expected("success"));
        assert_eq!(ended(fail), expected("failed"));
        assert_eq!(ended(drop), expected("aborted"));
        assert_eq!(ended(JobRun::taken_over), expected("")[..1]);
    }

    #[test]
    fn a_panic_in_a_run_is_an_abortion() {
        let series = moved(|| {
            let panicked = std::panic::catch_unwind(|| {
                let _run = JobRun::begin("nightly");
                panic!("a bug");
            });
            assert!(panicked.is_err());
        });
        assert!(series.contains(&r#"scheduler_jobs_total{job_name="nightly",status="aborted"} 1"#.to_owned()));
    }

    #[test]
    fn only_a_success_moves_the_time_of_the_last_one() {
        let moves = |end: fn(JobRun)| {
            let series = moved(|| end(JobRun::begin("nightly")));
            series.iter().any(|line| line.starts_with("scheduler_job_last_success_timestamp_seconds"))
        };
        assert!(moves(succeed));
        assert!(!moves(fail));
    }

    #[test]
    fn turns_that_were_not_taken() {
        let series = moved(|| {
            overlapped("nightly");
            missed("nightly", 3);
        });
        let expected = [
            r#"scheduler_job_misses_total{job_name="nightly"} 3"#,
            r#"scheduler_job_overlaps_total{job_name="nightly"} 1"#,
        ];
        assert_eq!(series, expected);
    }
}
