//! What a request may ask of an algorithm, and the words for what it may not.

use belfry_learning::algorithm::{Algorithm, Task};
use belfry_learning::params::Params;
use serde_json::{Value, json};

#[track_caller]
fn assert_refused(algorithm: Algorithm, params: Value, code: &str, says: &str) {
    let error = Params::parse(algorithm, &params).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, says));
}

#[test]
fn the_fake_algorithm_is_known_only_where_it_is_allowed() {
    assert_eq!(Algorithm::parse("fake", true), Ok(Algorithm::Fake));
    assert!(Algorithm::parse("fake", false).is_err());
    assert!("fake".parse::<Algorithm>().is_err());
    assert!(!Algorithm::ALL.contains(&Algorithm::Fake));
}

#[test]
fn an_unknown_algorithm_is_told_the_known_ones() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
    }
    assert_eq!(
        "boosting".parse::<Algorithm>().unwrap_err().to_string(),
        "unknown algorithm `boosting`, expected one of `gradient_boosting`, `random_forest`, `logistic_regression`, \
         `elastic_net`"
    );
    assert!("clustering".parse::<Task>().is_err());
}

#[test]
fn the_default_algorithm_is_gradient_boosting() {
    assert_eq!(Algorithm::default(), Algorithm::GradientBoosting);
}

#[test]
fn nothing_given_means_the_defaults() {
    for algorithm in Algorithm::ALL {
        let params = Params::parse(algorithm, &Value::Null).unwrap();
        assert_eq!(params, Params::parse(algorithm, &json!({})).unwrap());
        for rule in algorithm.parameters() {
            assert_eq!(params.to_json()[rule.name].as_f64(), Some(rule.default), "{algorithm} {}", rule.name);
            assert!((rule.min..=rule.max).contains(&rule.default), "{algorithm} {}", rule.name);
        }
    }
}

#[test]
fn what_was_checked_reads_back_the_same() {
    let params = Params::parse(Algorithm::GradientBoosting, &json!({"n_trees": 7, "learning_rate": 0.3})).unwrap();
    assert_eq!(params.to_json()["n_trees"], json!(7));
    assert_eq!(Params::parse(Algorithm::GradientBoosting, &params.to_json()).unwrap(), params);
}

#[test]
fn every_bound_is_accepted_and_nothing_beyond_it() {
    for algorithm in Algorithm::ALL {
        for rule in algorithm.parameters() {
            for (value, accepted) in
                [(rule.min, true), (rule.max, true), (rule.min - 1.0, false), (rule.max * 2.0 + 1.0, false)]
            {
                let params = json!({ rule.name: value });
                assert_eq!(Params::parse(algorithm, &params).is_ok(), accepted, "{algorithm} {params}");
            }
        }
    }
}

#[test]
fn a_value_out_of_bounds_is_named_with_them() {
    assert_refused(
        Algorithm::GradientBoosting,
        json!({"n_trees": 0}),
        "parameter_out_of_range",
        "parameter `n_trees` is 0, expected a whole number from 1 to 1000",
    );
    assert_refused(
        Algorithm::RandomForest,
        json!({"max_depth": 2.5}),
        "parameter_out_of_range",
        "parameter `max_depth` is 2.5, expected a whole number from 1 to 16",
    );
    assert_refused(
        Algorithm::ElasticNet,
        json!({"l1_ratio": 1.5}),
        "parameter_out_of_range",
        "parameter `l1_ratio` is 1.5, expected a number from 0 to 1",
    );
}

#[test]
fn a_parameter_of_another_algorithm_is_unknown() {
    assert_refused(
        Algorithm::ElasticNet,
        json!({"n_trees": 10}),
        "unknown_parameter",
        "elastic_net has no parameter `n_trees`, expected one of max_iterations, alpha, l1_ratio",
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    assert_refused(
        Algorithm::LogisticRegression,
        json!({"alpha": "1"}),
        "parameter_type",
        "parameter `alpha` is a string, expected a number from 0.000001 to 1000000",
    );
    assert_refused(
        Algorithm::LogisticRegression,
        json!([1]),
        "params_not_an_object",
        "params must be an object, found an array",
    );
    assert_refused(
        Algorithm::Fake,
        json!({"behaviour": "explode"}),
        "parameter_type",
        "parameter `behaviour` is \"explode\", expected one of ok, slow, panic, oom, stack, hang",
    );
}
