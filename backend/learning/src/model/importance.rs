//! How much each column has to do with a model's predictions, from the model alone.

use super::{Body, Ensemble, Linear, Model};

/// What an importance is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportanceMeasure {
    /// Of all splits in the trees: how many ask for the column.
    Splits,
    /// Of all weights of standardised columns, by magnitude: those of the column, or of all its levels.
    Weights,
}

impl ImportanceMeasure {
    /// The measure in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Splits => "share of the splits of all trees",
            Self::Weights => "share of the absolute weights of standardised columns",
        }
    }
}

impl Model {
    /// The importance of each of [`Model::features`], in their order: shares that add up to 1, or all 0 where no column is used.
    pub fn importances(&self) -> (ImportanceMeasure, Vec<f64>) {
        let features = self.features.len();
        let (measure, counted) = match &self.body {
            Body::Trees(ensemble) => (ImportanceMeasure::Splits, splits(ensemble, features)),
            Body::Linear(linear) => (ImportanceMeasure::Weights, weights(linear, features)),
        };
        // The greatest first, so that the sum of great weights cannot overflow.
        let greatest = counted.iter().copied().fold(0.0, f64::max);
        if greatest == 0.0 {
            return (measure, counted);
        }
        let scaled: Vec<f64> = counted.iter().map(|count| count / greatest).collect();
        let total: f64 = scaled.iter().sum();
        (measure, scaled.iter().map(|count| count / total).collect())
    }
}

fn splits(ensemble: &Ensemble, features: usize) -> Vec<f64> {
    let mut counted = vec![0.0; features];
    for feature in ensemble.trees.iter().flat_map(super::Tree::split_features) {
        counted[feature] += 1.0;
    }
    counted
}

fn weights(linear: &Linear, features: usize) -> Vec<f64> {
    let mut counted = vec![0.0; features];
    for weights in &linear.weights {
        for (column, weight) in linear.columns.iter().zip(weights) {
            counted[column.feature] = f64::min(counted[column.feature] + weight.abs(), f64::MAX);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn model(task: &str, body: &Value) -> Model {
        let number = |name: &str| json!({"name": name, "kind": "number", "fill": 0.0});
        let text = json!({"name": "c", "kind": "text", "levels": ["u", "v"], "fill": 0.0});
        let file = json!({
            "format": "belfry-model", "format_version": 1, "crate_version": "0.1.0",
            "algorithm": "gradient_boosting", "task": task, "target": "y", "classes": [],
            "features": [number("a"), number("b"), text], "ignored_columns": [], "body": body,
        });
        Model::load(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn trees_count_their_splits() {
        let tree = json!({
            "feature": [0, 2, 0, 0, 0], "threshold": [0.0, 0.0, 0.0, 0.0, 0.0], "left": [1, 2, 0, 0, 0],
            "right": [4, 3, 0, 0, 0], "missing": [4, 3, 0, 0, 0], "value": [0.0, 0.0, 1.0, 2.0, 3.0],
        });
        let stump = json!({
            "feature": [0, 0, 0], "threshold": [0.0, 0.0, 0.0], "left": [1, 0, 0], "right": [2, 0, 0],
            "missing": [2, 0, 0], "value": [0.0, 1.0, 2.0],
        });
        let trees = json!({
            "base": [0.0], "mean": false, "fill_missing": false, "link": "identity",
            "trees": [tree, stump.clone(), stump],
        });
        let model = model("regression", &json!({ "trees": trees }));
        assert_eq!(model.importances(), (ImportanceMeasure::Splits, vec![0.75, 0.0, 0.25]));
    }

    #[test]
    fn weights_count_by_magnitude_and_levels_together() {
        let column =
            |feature: usize, level: Value| json!({"feature": feature, "level": level, "mean": 0.0, "scale": 1.0});
        let columns = [column(0, Value::Null), column(1, Value::Null), column(2, json!(0)), column(2, json!(1))];
        let linear = |weights: [f64; 4]| {
            let linear = json!({"columns": columns, "weights": [weights], "intercepts": [9.0], "link": "identity"});
            model("regression", &json!({ "linear": linear })).importances()
        };
        assert_eq!(linear([-2.0, 0.0, 1.0, -1.0]), (ImportanceMeasure::Weights, vec![0.5, 0.0, 0.5]));
        assert_eq!(linear([0.0; 4]).1, [0.0; 3]);
        assert_eq!(linear([f64::MAX, f64::MAX, 0.0, 0.0]).1, [0.5, 0.5, 0.0]);
    }
}
