//! Models through their files: the same bits before and after, and clear words for rows that do not fit.

use crate::support::{data, spec};
use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::driver::train;
use belfry_learning::model::{Model, ModelError, PredictError, Predictions};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

fn trained(dataset: &str, target: &str, algorithm: Algorithm) -> Model {
    let folder = TempDir::new().unwrap();
    train(&spec(&data(dataset), target, algorithm, folder.path()), &|| None, &mut |_| {}).unwrap().model
}

fn row(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Every row of a shipped dataset, as a client would send it.
fn rows(dataset: &str) -> Vec<Map<String, Value>> {
    let mut reader = csv::Reader::from_path(data(dataset)).unwrap();
    let header = reader.headers().unwrap().clone();
    let value = |cell: &str| match cell.parse::<f64>() {
        Ok(number) => Value::from(number),
        Err(_) if cell == "NA" => Value::Null,
        Err(_) => Value::from(cell),
    };
    reader
        .records()
        .map(|record| header.iter().zip(&record.unwrap()).map(|(name, cell)| (name.to_owned(), value(cell))).collect())
        .collect()
}

/// A model small enough to look at.
fn penguin_model() -> Model {
    trained("penguins.csv", "species", Algorithm::LogisticRegression)
}

fn gentoo() -> Map<String, Value> {
    row(json!({
        "island": "Biscoe", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211,
        "body_mass_g": 4500, "sex": "female", "year": 2007,
    }))
}

#[test]
fn a_reloaded_model_predicts_the_same_bits() {
    for (dataset, target, algorithm) in [
        ("breast_cancer.csv", "diagnosis", Algorithm::GradientBoosting),
        ("penguins.csv", "species", Algorithm::GradientBoosting),
        ("diabetes.csv", "progression", Algorithm::GradientBoosting),
        ("penguins.csv", "species", Algorithm::RandomForest),
        ("penguins.csv", "body_mass_g", Algorithm::RandomForest),
        ("penguins.csv", "sex", Algorithm::RandomForest),
        ("digits.csv", "digit", Algorithm::LogisticRegression),
        ("penguins.csv", "body_mass_g", Algorithm::ElasticNet),
        ("penguins.csv", "species", Algorithm::Fake),
    ] {
        let model = trained(dataset, target, algorithm);
        let bytes = model.save().unwrap();
        let reloaded = Model::load(&bytes).unwrap();
        assert!(model == reloaded, "{dataset} {target} {algorithm}");
        assert!(reloaded.save().unwrap() == bytes, "{dataset} {target} {algorithm}");
        let rows = rows(dataset);
        let bits = |predictions: &Predictions| serde_json::to_string(predictions).unwrap();
        let (before, after) = (model.predict(&rows).unwrap(), reloaded.predict(&rows).unwrap());
        assert!(bits(&before) == bits(&after), "{dataset} {target} {algorithm}");
    }
}

#[test]
fn a_model_knows_the_rows_it_was_trained_on() {
    for algorithm in [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::LogisticRegression] {
        let rows = rows("penguins.csv");
        let predictions = trained("penguins.csv", "species", algorithm).predict(&rows).unwrap().predictions;
        let hits = rows.iter().zip(&predictions).filter(|(row, class)| row["species"] == **class).count();
        assert!(hits >= 340, "{algorithm}: {hits} of 344");
    }
}

#[test]
fn a_class_comes_with_the_probabilities_of_all() {
    for algorithm in [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::LogisticRegression] {
        let answer = trained("penguins.csv", "species", algorithm).predict(&[gentoo()]).unwrap();
        assert_eq!(answer.predictions, [json!("Gentoo")], "{algorithm}");
        let probabilities = &answer.probabilities.unwrap()[0];
        assert_eq!(probabilities.keys().collect::<Vec<_>>(), ["Adelie", "Chinstrap", "Gentoo"]);
        assert!((probabilities.values().sum::<f64>() - 1.0).abs() < 1e-12, "{algorithm}");
        assert!(probabilities["Gentoo"] > 0.8, "{algorithm}: {probabilities:?}");
    }
}

#[test]
fn classes_that_are_numbers_stay_numbers() {
    let model = trained("digits.csv", "digit", Algorithm::LogisticRegression);
    assert_eq!(model.classes()[7], json!(7));
    let answer = model.predict(&rows("digits.csv")[..1]).unwrap();
    assert_eq!(answer.predictions, [json!(0)]);
    assert!(answer.probabilities.unwrap()[0].contains_key("0"));
}

#[test]
fn a_number_comes_without_probabilities() {
    let model = trained("penguins.csv", "body_mass_g", Algorithm::GradientBoosting);
    assert_eq!(model.task(), Task::Regression);
    let answer = model.predict(&rows("penguins.csv")[..3]).unwrap();
    assert_eq!(answer.probabilities, None);
    assert!(answer.predictions.iter().all(|mass| (2000.0..7000.0).contains(&mass.as_f64().unwrap())));
}

#[test]
fn no_rows_are_an_error() {
    assert_eq!(penguin_model().predict(&[]), Err(PredictError::NoRows));
}

#[test]
fn a_row_that_lacks_columns_is_named_with_them() {
    let mut short = gentoo();
    short.remove("sex");
    short.remove("island");
    let error = penguin_model().predict(&[gentoo(), short]).unwrap_err();
    assert_eq!(error.code(), "missing_columns");
    assert_eq!(error.to_string(), "row 2 lacks `island`, `sex`; give null for a value that is not known");
}

#[test]
fn an_unexpected_column_is_named_with_the_expected_ones() {
    let mut long = gentoo();
    long.insert("wing_span".to_owned(), json!(1));
    let error = penguin_model().predict(&[long]).unwrap_err();
    assert_eq!(error.code(), "unexpected_columns");
    let text = error.to_string();
    assert!(text.starts_with("row 1 has `wing_span`, which the training data had not; expected `island`,"), "{text}");
}

#[test]
fn a_misspelt_column_is_a_missing_one() {
    let mut row = gentoo();
    let value = row.remove("sex").unwrap();
    row.insert("Sex".to_owned(), value);
    assert_eq!(penguin_model().predict(&[row]).unwrap_err().code(), "missing_columns");
}

#[test]
fn the_target_itself_may_be_among_the_columns() {
    let mut row = gentoo();
    row.insert("species".to_owned(), json!("Adelie"));
    assert_eq!(penguin_model().predict(&[row]).unwrap().predictions, [json!("Gentoo")]);
}

#[test]
fn a_value_of_another_type_is_named_with_row_and_column() {
    for (column, value, says) in [
        ("body_mass_g", json!("heavy"), "row 1, column `body_mass_g`: found a string, expected a number or null"),
        ("body_mass_g", json!("4500"), "row 1, column `body_mass_g`: found a string, expected a number or null"),
        ("year", json!([2007]), "row 1, column `year`: found an array, expected a number or null"),
        ("sex", json!(1), "row 1, column `sex`: found 1, expected a string or null"),
    ] {
        let mut row = gentoo();
        row.insert(column.to_owned(), value);
        let error = penguin_model().predict(&[row]).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("wrong_type", says));
    }
}

#[test]
fn null_a_missing_text_and_an_unseen_text_are_all_missing() {
    for algorithm in [Algorithm::GradientBoosting, Algorithm::RandomForest, Algorithm::LogisticRegression] {
        let model = trained("penguins.csv", "species", algorithm);
        let answer = |island: Value| {
            let mut row = gentoo();
            row.insert("island".to_owned(), island);
            model.predict(&[row]).unwrap()
        };
        let missing = answer(Value::Null);
        assert_eq!(answer(json!("NA")), missing, "{algorithm}");
        assert_eq!(answer(json!("Atlantis")), missing, "{algorithm}");
        assert_eq!(answer(json!(" Biscoe ")), answer(json!("Biscoe")), "{algorithm}");
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    for bytes in [&b""[..], b"a,b\n1,2\n", b"{}", b"{\"format\":\"belfry-model\",\"format_version\":1}"] {
        assert!(matches!(Model::load(bytes), Err(ModelError::NotAModel(_))));
    }
}

#[test]
fn a_model_of_a_later_format_is_named_as_such() {
    let text = String::from_utf8(penguin_model().save().unwrap()).unwrap();
    let later = text.replace("\"format_version\":1", "\"format_version\":2");
    assert_eq!(
        Model::load(later.as_bytes()).unwrap_err().to_string(),
        "the model is of format `belfry-model 2`, expected `belfry-model 1`"
    );
}

/// Each change would make a walk through a tree, or a sum, go wrong.
#[test]
fn a_damaged_model_is_refused_and_never_walked() {
    let boosted = trained("penguins.csv", "species", Algorithm::GradientBoosting).save().unwrap();
    let boosted: Value = serde_json::from_slice(&boosted).unwrap();
    let linear: Value = serde_json::from_slice(&penguin_model().save().unwrap()).unwrap();
    for (whole, place, value) in [
        (&boosted, "/body/trees/trees/0/left/0", json!(100_000)),
        (&boosted, "/body/trees/trees/0/missing/2", json!(1)),
        (&boosted, "/body/trees/trees/0/feature/0", json!(7)),
        (&boosted, "/body/trees/trees/0/value", json!([])),
        (&boosted, "/body/trees/base", json!([0.0])),
        (&boosted, "/classes", json!(["Adelie"])),
        (&boosted, "/task", json!("regression")),
        (&linear, "/body/linear/columns/0/feature", json!(7)),
        (&linear, "/body/linear/columns/3/scale", json!(0)),
        (&linear, "/body/linear/weights/1", json!([1.0])),
        (&linear, "/body/linear/intercepts", json!([])),
    ] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        let refused = Model::load(&serde_json::to_vec(&damaged).unwrap());
        assert!(matches!(refused, Err(ModelError::Damaged(_))), "{place}: {refused:?}");
    }
}
