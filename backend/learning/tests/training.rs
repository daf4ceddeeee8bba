//! Every algorithm on real data, and every kind of data that no run should begin with.

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;

use crate::support::{data, spec};
use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::driver::{Progress, StopReason, Trained, train};
use belfry_learning::error::TrainError;
use belfry_learning::profile::{Limits, Profiler};
use belfry_learning::protocol::{ChildSpec, DropReason, DroppedColumn, RunSpec, Score};
use serde_json::json;
use tempfile::TempDir;

fn run(spec: &ChildSpec) -> Result<Trained, TrainError> {
    train(spec, &|| None, &mut |_| {})
}

/// The same run but for what `change` does to it.
fn changed(mut spec: ChildSpec, change: impl FnOnce(&mut RunSpec)) -> ChildSpec {
    change(&mut spec.run);
    spec
}

fn score(dataset: &str, target: &str, algorithm: Algorithm, score: Score) -> f64 {
    let folder = TempDir::new().unwrap();
    let trained = run(&spec(&data(dataset), target, algorithm, folder.path())).unwrap();
    eprintln!("{dataset} {algorithm}: {:?}", trained.result.scores);
    trained.result.scores[&score]
}

/// A table of the test's own, and a run on it.
struct Written {
    folder: TempDir,
    csv: PathBuf,
}

fn written(csv: &str) -> Written {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, csv).unwrap();
    Written { folder, csv: path }
}

impl Written {
    fn spec(&self, algorithm: Algorithm) -> ChildSpec {
        spec(&self.csv, "y", algorithm, self.folder.path())
    }
}

/// Twenty rows of two good features and whatever else `row` appends.
fn rows(header: &str, row: impl Fn(usize) -> String) -> String {
    let mut csv = format!("a,b,{header}\n");
    for i in 0..20 {
        csv.push_str(&format!("{},{},{}\n", i, (i * 7) % 5, row(i)));
    }
    csv
}

#[track_caller]
fn assert_refused(spec: &ChildSpec, code: &str, says: &str) {
    let error = run(spec).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

const CLASSIFIERS: [Algorithm; 3] =
    [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::LogisticRegression];

#[test]
fn two_classes_are_told_apart() {
    for algorithm in CLASSIFIERS {
        assert!(score("breast_cancer.csv", "diagnosis", algorithm, Score::Accuracy) > 0.94, "{algorithm}");
    }
}

#[test]
fn three_classes_are_told_apart() {
    for algorithm in CLASSIFIERS {
        assert!(score("iris.csv", "species", algorithm, Score::Accuracy) > 0.9, "{algorithm}");
        assert!(score("wine.csv", "cultivar", algorithm, Score::MacroF1) > 0.93, "{algorithm}");
    }
}

#[test]
fn texts_and_missing_values_are_learned_from() {
    for algorithm in CLASSIFIERS {
        assert!(score("penguins.csv", "species", algorithm, Score::Accuracy) > 0.96, "{algorithm}");
    }
}

#[test]
fn ten_digits_are_read() {
    assert!(score("digits.csv", "digit", Algorithm::GradientBoosting, Score::Accuracy) > 0.95);
    assert!(score("digits.csv", "digit", Algorithm::RandomForest, Score::Accuracy) > 0.96);
    assert!(score("digits.csv", "digit", Algorithm::LogisticRegression, Score::Accuracy) > 0.95);
}

#[test]
fn a_number_is_predicted() {
    // Predicting the mean of these rows has an error of 69.
    for algorithm in [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::ElasticNet] {
        assert!(score("diabetes.csv", "progression", algorithm, Score::Rmse) < 64.0, "{algorithm}");
    }
}

#[test]
fn the_same_seed_trains_the_same_model_and_another_does_not() {
    let folder = TempDir::new().unwrap();
    for algorithm in Algorithm::ALL {
        let (dataset, target) = match algorithm {
            Algorithm::ElasticNet => ("diabetes.csv", "progression"),
            _ => ("penguins.csv", "species"),
        };
        let mut spec = spec(&data(dataset), target, algorithm, folder.path());
        let first = run(&spec).unwrap().model.save().unwrap();
        assert!(first == run(&spec).unwrap().model.save().unwrap(), "{algorithm}");
        spec.run.seed += 1;
        assert!(first != run(&spec).unwrap().model.save().unwrap(), "{algorithm}");
    }
}

#[test]
fn the_loss_falls_and_is_reported_after_every_step() {
    let folder = TempDir::new().unwrap();
    for algorithm in CLASSIFIERS {
        let spec = spec(&data("breast_cancer.csv"), "diagnosis", algorithm, folder.path());
        let mut steps: Vec<Progress> = Vec::new();
        let trained = train(&spec, &|| None, &mut |step| steps.push(step)).unwrap();
        assert_eq!(steps.len() as u64, trained.result.summary.iterations);
        assert!(steps.iter().zip(1..).all(|(step, iteration)| step.iteration == iteration));
        let (first, last) = (steps[0], steps[steps.len() - 1]);
        assert!(last.train_loss < first.train_loss, "{algorithm}");
        // Knowing nothing but the classes' shares costs 0.66.
        assert!(last.valid_loss < Some(0.2), "{algorithm}");
        // What was last reported is what the finished model scores.
        assert!((last.valid_loss.unwrap() - trained.result.scores[&Score::LogLoss]).abs() < 1e-9, "{algorithm}");
    }
}

#[test]
fn logistic_regression_stops_when_nothing_is_left_to_gain() {
    let folder = TempDir::new().unwrap();
    let spec = spec(&data("iris.csv"), "species", Algorithm::LogisticRegression, folder.path());
    let trained = run(&spec).unwrap();
    assert!(trained.result.summary.iterations < 40, "{} steps", trained.result.summary.iterations);
}

#[test]
fn the_task_follows_from_the_target() {
    let folder = TempDir::new().unwrap();
    let task = |dataset: &str, target: &str| {
        run(&spec(&data(dataset), target, Algorithm::GradientBoosting, folder.path())).unwrap().result.task
    };
    assert_eq!(task("iris.csv", "species"), Task::Classification);
    assert_eq!(task("iris.csv", "petal_width_cm"), Task::Regression);
    assert_eq!(task("penguins.csv", "year"), Task::Classification);
    assert_eq!(task("diabetes.csv", "progression"), Task::Regression);
    let booleans = written(&rows("y", |i| if i % 2 == 0 { "yes" } else { "no" }.to_owned()));
    assert_eq!(run(&booleans.spec(Algorithm::GradientBoosting)).unwrap().result.task, Task::Classification);
}

#[test]
fn a_task_that_was_asked_for_wins() {
    let folder = TempDir::new().unwrap();
    let mut spec = spec(&data("penguins.csv"), "year", Algorithm::GradientBoosting, folder.path());
    spec.run.task = Some(Task::Regression);
    assert!(run(&spec).unwrap().result.scores.contains_key(&Score::Rmse));
}

#[test]
fn a_compressed_dataset_trains_the_same_model() {
    let folder = TempDir::new().unwrap();
    let compressed = folder.path().join("iris.csv.gz");
    let file = std::fs::File::create(&compressed).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    encoder.write_all(&std::fs::read(data("iris.csv")).unwrap()).unwrap();
    encoder.finish().unwrap();

    let plain = spec(&data("iris.csv"), "species", Algorithm::GradientBoosting, folder.path());
    let gzipped = ChildSpec { dataset_path: compressed, gzip: true, ..plain.clone() };
    assert_eq!(run(&gzipped).unwrap().model, run(&plain).unwrap().model);
    assert_refused(&ChildSpec { gzip: true, ..plain }, "bad_gzip", "not gzip");
}

#[test]
fn decimal_commas_are_the_numbers_that_points_would_be() {
    let points = rows("c,y", |i| format!("{i}.125,{}", i as f64 * 1.5)).replace(',', ";");
    let commas = written(&points.replace('.', ","));
    let points = written(&points);
    for algorithm in [Algorithm::GradientBoosting, Algorithm::ElasticNet] {
        let (with_commas, with_points) = (run(&commas.spec(algorithm)).unwrap(), run(&points.spec(algorithm)).unwrap());
        assert_eq!(with_commas.model, with_points.model, "{algorithm}");
        assert!(with_points.model.features().iter().any(|feature| feature.name() == "c"));
    }
}

/// The upload counts classes, so that a run can be refused before it is queued; training reads the values.
#[test]
fn the_profile_and_training_agree_on_what_classes_are() {
    for (distinct, mark) in [(2, ""), (10, ""), (11, ""), (3, ".0"), (3, ".5")] {
        let csv = rows("y", |i| format!("{}{mark}", i % distinct));
        let mut profiler = Profiler::new(Limits::default());
        profiler.push(csv.as_bytes()).unwrap();
        let classes = profiler.finish().unwrap().columns[2].classes;
        let task = run(&written(&csv).spec(Algorithm::GradientBoosting)).unwrap().result.task;
        assert_eq!(classes.is_some(), task == Task::Classification, "{distinct} values that end with {mark:?}");
    }
}

#[test]
fn columns_that_say_nothing_are_dropped_and_reported() {
    let csv = rows("empty,same,id,y", |i| format!("NA,7,\"key {i}\",{}", i % 2));
    let few_levels = run(&written(&csv).spec(Algorithm::LogisticRegression)).unwrap();
    let dropped = |name: &str, reason| DroppedColumn { name: name.to_owned(), reason };
    let expected = [dropped("empty", DropReason::AllMissing), dropped("same", DropReason::Constant)];
    assert_eq!(few_levels.result.summary.dropped_columns, expected);

    let mut many = String::from("a,id,y\n");
    (0..300).for_each(|i| many.push_str(&format!("{i},key {i},{}\n", i % 2)));
    for algorithm in CLASSIFIERS {
        let trained = run(&written(&many).spec(algorithm)).unwrap();
        assert_eq!(trained.result.summary.dropped_columns, [dropped("id", DropReason::TooManyLevels)], "{algorithm}");
    }
}

#[test]
fn rows_without_a_target_are_left_out_and_counted() {
    let csv = rows("y", |i| if i < 3 { "NA".to_owned() } else { (i % 2).to_string() });
    let trained = run(&written(&csv).spec(Algorithm::GradientBoosting)).unwrap();
    assert_eq!(
        (
            trained.result.summary.rows_without_target,
            trained.result.summary.rows_train + trained.result.summary.rows_test
        ),
        (3, 17)
    );
}

#[test]
fn enormous_values_are_bounded_and_counted() {
    let csv = rows("c,y", |i| format!("{},{}", if i == 4 { "1e300" } else { "1.5" }, i % 2));
    for algorithm in CLASSIFIERS {
        let trained = run(&written(&csv).spec(algorithm)).unwrap();
        assert_eq!(trained.result.summary.clamped_values, 1, "{algorithm}");
    }
    let csv = rows("c,y", |i| format!("{},{}", if i == 4 { "-1e300" } else { "1.5" }, i as f64 * 1.5));
    for algorithm in [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::ElasticNet] {
        assert_eq!(run(&written(&csv).spec(algorithm)).unwrap().result.summary.clamped_values, 1, "{algorithm}");
    }
}

#[test]
fn columns_missing_in_every_training_row_harm_no_algorithm() {
    // With any seed, the one value present may fall into either part.
    let csv = rows("c,y", |i| format!("{},{}", if i == 4 { "1.5" } else { "" }, i % 2));
    for algorithm in CLASSIFIERS {
        for seed in 0..8 {
            run(&changed(written(&csv).spec(algorithm), |run| run.seed = seed)).unwrap();
        }
    }
}

#[test]
fn a_target_that_is_not_there_is_named_with_those_that_are() {
    let table = written(&rows("z", |i| i.to_string()));
    assert_refused(&table.spec(Algorithm::GradientBoosting), "target_missing", "expected one of `a`, `b`, `z`");
}

#[test]
fn an_empty_target_is_refused() {
    let table = written(&rows("y", |_| "NA".to_owned()));
    assert_refused(&table.spec(Algorithm::GradientBoosting), "target_empty", "no value in any row");
}

#[test]
fn one_class_is_not_enough() {
    for value in ["cat", "1", "yes"] {
        let table = written(&rows("y", |_| value.to_owned()));
        assert_refused(&table.spec(Algorithm::RandomForest), "one_class", "at least two classes");
    }
    let table = written(&rows("y", |_| "1.5".to_owned()));
    assert_refused(&table.spec(Algorithm::ElasticNet), "one_class", "at least two different numbers");
}

#[test]
fn a_class_of_one_row_is_refused() {
    let table = written(&rows("y", |i| if i == 7 { "rare" } else { ["x", "z"][i % 2] }.to_owned()));
    assert_refused(&table.spec(Algorithm::LogisticRegression), "class_too_small", "`rare`");
}

#[test]
fn too_many_classes_are_refused() {
    let mut csv = String::from("a,y\n");
    (0..300).for_each(|i| csv.push_str(&format!("{i},class {}\n", i % 150)));
    assert_refused(&written(&csv).spec(Algorithm::GradientBoosting), "too_many_classes", "at most 100");
    let numbers = written(&csv.replace("class ", ""));
    let asked = changed(numbers.spec(Algorithm::GradientBoosting), |run| run.task = Some(Task::Classification));
    assert_refused(&asked, "too_many_classes", "at most 100");
    assert_eq!(run(&numbers.spec(Algorithm::GradientBoosting)).unwrap().result.task, Task::Regression);
}

#[test]
fn a_table_where_everything_is_constant_is_refused() {
    let mut csv = String::from("a,b,y\n");
    (0..20).for_each(|i| csv.push_str(&format!("1,,{}\n", i % 2)));
    for algorithm in CLASSIFIERS {
        assert_refused(&written(&csv).spec(algorithm), "no_features", "constant");
    }
}

#[test]
fn too_few_rows_are_refused() {
    for count in [1, 2, 5, 9] {
        let mut csv = String::from("a,y\n");
        (0..count).for_each(|i| csv.push_str(&format!("{i},{}\n", i % 2)));
        assert_refused(&written(&csv).spec(Algorithm::GradientBoosting), "too_few_rows", "at least 10");
    }
}

#[test]
fn too_many_rows_are_refused_and_not_sampled() {
    let table = written(&rows("y", |i| (i % 2).to_string()));
    let spec = ChildSpec { max_rows: 19, ..table.spec(Algorithm::GradientBoosting) };
    assert_refused(&spec, "too_many_rows", "20 rows, expected at most 19");
}

#[test]
fn an_algorithm_is_held_to_its_task() {
    let classes = written(&rows("y", |i| ["cat", "dog"][i % 2].to_owned()));
    assert_refused(&classes.spec(Algorithm::ElasticNet), "task_unsupported", "elastic_net does not support classi");
    let numbers = written(&rows("y", |i| format!("{i}.5")));
    assert_refused(&numbers.spec(Algorithm::LogisticRegression), "task_unsupported", "regression");
    let asked = changed(classes.spec(Algorithm::GradientBoosting), |run| run.task = Some(Task::Regression));
    assert_refused(&asked, "target_not_numeric", "expected numbers");
}

#[test]
fn a_target_too_great_to_compute_with_is_refused() {
    let table = written(&rows("y", |i| format!("{i}e200")));
    assert_refused(&table.spec(Algorithm::GradientBoosting), "target_too_large", "beyond 1e12");
}

#[test]
fn a_held_out_share_out_of_bounds_is_refused() {
    let table = written(&rows("y", |i| (i % 2).to_string()));
    for test_fraction in [0.0, 0.04, 0.51, 1.0, f64::NAN] {
        let spec = changed(table.spec(Algorithm::GradientBoosting), |run| run.test_fraction = test_fraction);
        assert_refused(&spec, "test_fraction", "from 0.05 to 0.5");
    }
}

#[test]
fn a_damaged_table_is_refused_with_its_line() {
    assert_refused(&written("a,y\n1,2\n3\n").spec(Algorithm::GradientBoosting), "ragged_row", "line 3");
}

#[test]
fn a_parameter_out_of_range_is_refused_before_the_data_is_read() {
    let missing = spec(&data("no-such-file.csv"), "y", Algorithm::GradientBoosting, &PathBuf::new());
    let spec = changed(missing, |run| run.params = json!({"n_trees": 100_000}));
    assert_refused(&spec, "parameter_out_of_range", "`n_trees` is 100000, expected a whole number from 1 to 1000");
}

#[test]
fn a_stop_takes_effect_before_the_next_step() {
    let folder = TempDir::new().unwrap();
    let spec = spec(&data("iris.csv"), "species", Algorithm::GradientBoosting, folder.path());
    for (stop, code) in [(StopReason::Cancelled, "cancelled"), (StopReason::TimedOut, "timed_out")] {
        let steps = Cell::new(0);
        let should_stop = || (steps.get() == 5).then_some(stop);
        let error = train(&spec, &should_stop, &mut |_| steps.set(steps.get() + 1)).unwrap_err();
        assert_eq!((error.code(), steps.get()), (code, 5));
    }
}

#[test]
fn a_stop_takes_effect_while_reading() {
    let folder = TempDir::new().unwrap();
    let spec = spec(&data("iris.csv"), "species", Algorithm::GradientBoosting, folder.path());
    let error = train(&spec, &|| Some(StopReason::Cancelled), &mut |_| panic!("no step was to be done")).unwrap_err();
    assert_eq!(error.code(), "cancelled");
}
