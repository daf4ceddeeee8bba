//! How a run is counted, and the log line of its end.

use super::*;
use crate::testing::changed_series;

/// What a run moves when `end` ends it, without the values of times.
fn series_of(end: impl FnOnce(JobRun)) -> Vec<String> {
    let series = changed_series(|| end(JobRun::begin("nightly"))).into_iter();
    series.filter(|line| !line.contains("_seconds")).collect()
}

fn succeed(run: JobRun) {
    run.succeeded().record();
}

fn fail(run: JobRun) {
    run.failed("no room").record();
}

#[test]
fn a_run_is_counted_once_by_how_it_ended() {
    let expected = |status| {
        [
            r#"scheduler_jobs_in_progress{job_name="nightly"} 0"#.to_owned(),
            format!(r#"scheduler_jobs_total{{job_name="nightly",status="{status}"}} 1"#),
        ]
    };
    assert_eq!(series_of(succeed), expected("success"));
    assert_eq!(series_of(fail), expected("failed"));
    assert_eq!(series_of(|run| run.aborted("the process stops").record()), expected("aborted"));
    assert_eq!(series_of(drop), expected("aborted"));
    assert_eq!(series_of(|run| drop(run.succeeded())), expected("aborted"), "its end was not stored");
    assert_eq!(series_of(|run| run.succeeded().discard()), expected("")[..1]);
}

#[test]
fn an_ended_run_is_in_progress_until_it_is_recorded() {
    assert_eq!(
        series_of(|run| std::mem::forget(run.succeeded())),
        [r#"scheduler_jobs_in_progress{job_name="nightly"} 1"#]
    );
}

#[test]
fn metadata_is_kept_however_the_run_ends() {
    let ends: [fn(JobRun) -> EndedRun; 3] =
        [JobRun::succeeded, |run| run.failed("no room"), |run| run.aborted("stopped")];
    for end in ends {
        let run = JobRun::begin("nightly");
        let metadata = run.metadata();
        metadata.add("removed", 2);
        metadata.clone().add("removed", 1);
        metadata.set("folder", "old");
        let ended = end(run);
        metadata.add("removed", 1);
        assert_eq!(Value::Object(ended.metadata.clone()), serde_json::json!({ "removed": 3, "folder": "old" }));
        assert_eq!(ended.message.is_some(), ended.status != Status::Success);
        ended.discard();
    }
}

#[test]
fn a_run_that_panics_is_aborted() {
    let series = changed_series(|| {
        let panicked = std::panic::catch_unwind(|| {
            let _run = JobRun::begin("nightly");
            panic!("a bug");
        });
        assert!(panicked.is_err());
    });
    assert!(series.contains(&r#"scheduler_jobs_total{job_name="nightly",status="aborted"} 1"#.to_owned()));
}

#[test]
fn an_end_moves_the_time_of_the_last_one_of_its_kind_alone() {
    let moved = |end: fn(JobRun)| {
        let series = changed_series(|| end(JobRun::begin("nightly")));
        ["success", "failure"].map(|kind| {
            let name = format!("scheduler_job_last_{kind}_timestamp_seconds");
            series.iter().any(|line| line.starts_with(&name))
        })
    };
    assert_eq!(moved(succeed), [true, false]);
    assert_eq!(moved(fail), [false, true]);
    assert_eq!(moved(drop), [false, true]);
}

/// The log of what `emits` does, one JSON object a line.
fn logged(emits: impl FnOnce()) -> Vec<Value> {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, emits);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_end_of_a_run_is_one_log_line_with_its_metadata() {
    let lines = logged(|| {
        let run = JobRun::begin("nightly");
        run.metadata().set("removed", 2);
        run.failed("no room").record();
    });
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"job failed".into()), "{line}");
    assert_eq!((&line["job_name"], &line["cause"]), (&"nightly".into(), &"no room".into()), "{line}");
    assert_eq!(line["metadata"], r#"{"removed":2}"#);
    assert!(line["duration_seconds"].is_f64());
}

#[test]
fn overlaps_and_misses_are_counted() {
    let series = changed_series(|| {
        overlapped("nightly");
        missed("nightly", 3);
    });
    let expected = [
        r#"scheduler_job_misses_total{job_name="nightly"} 3"#,
        r#"scheduler_job_overlaps_total{job_name="nightly"} 1"#,
    ];
    assert_eq!(series, expected);
}
