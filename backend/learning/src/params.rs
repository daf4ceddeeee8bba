//! The parameters each algorithm takes, with their bounds and defaults, and the check of a client's values
//! against them. The bounds keep one run within what a child process can do.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::algorithm::Algorithm;
use crate::excerpt::excerpt;

/// One numeric parameter of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rule {
    /// The key in the `params` object.
    pub name: &'static str,
    /// The value used where the client gives none.
    pub default: f64,
    /// The least value accepted.
    pub min: f64,
    /// The greatest value accepted.
    pub max: f64,
    /// Whether only whole numbers are accepted.
    pub integer: bool,
    /// What the parameter does, in one sentence.
    pub meaning: &'static str,
}

const fn count(name: &'static str, default: f64, min: f64, max: f64, meaning: &'static str) -> Rule {
    Rule { name, default, min, max, integer: true, meaning }
}

const fn real(name: &'static str, default: f64, min: f64, max: f64, meaning: &'static str) -> Rule {
    Rule { name, default, min, max, integer: false, meaning }
}

const GRADIENT_BOOSTING: &[Rule] = &[
    count("n_trees", 100.0, 1.0, 1000.0, "rounds of trees; with more than two classes a round is one tree per class"),
    count("max_depth", 5.0, 1.0, 16.0, "splits from a tree's root to its deepest leaf"),
    real("learning_rate", 0.1, 0.001, 1.0, "the share of each tree's correction that is kept"),
    real("l2", 1.0, 0.0, 1e6, "penalty on leaf weights"),
    real("min_leaf_weight", 1.0, 0.0, 1e6, "least sum of second derivatives in a leaf; rows, for regression"),
    count("max_bins", 255.0, 2.0, 255.0, "bins a numeric column is cut into"),
];

const RANDOM_FOREST: &[Rule] = &[
    count("n_trees", 100.0, 1.0, 1000.0, "trees; one per class each for classification"),
    count("max_depth", 12.0, 1.0, 16.0, "splits from a tree's root to its deepest leaf"),
    count("min_samples_leaf", 1.0, 1.0, 10_000.0, "least rows in a leaf"),
    real("feature_fraction", 0.0, 0.0, 1.0, "share of columns tried at a split; 0 means the usual share for the task"),
];

const LOGISTIC_REGRESSION: &[Rule] = &[
    count("max_iterations", 200.0, 5.0, 2000.0, "optimiser iterations, five to a step"),
    real("alpha", 1.0, 1e-6, 1e6, "L2 penalty on the weights of standardised columns"),
];

const ELASTIC_NET: &[Rule] = &[
    count("max_iterations", 1000.0, 1.0, 100_000.0, "passes over the columns"),
    real("alpha", 0.01, 0.0, 1e6, "penalty, with columns and target standardised"),
    real("l1_ratio", 0.5, 0.0, 1.0, "share of the penalty that is L1"),
];

const FAKE: &[Rule] = &[count("n_steps", 20.0, 1.0, 1_000_000.0, "steps before it ends")];

impl Algorithm {
    /// The numeric parameters the algorithm takes.
    pub const fn parameters(self) -> &'static [Rule] {
        match self {
            Self::GradientBoosting => GRADIENT_BOOSTING,
            Self::RandomForest => RANDOM_FOREST,
            Self::LogisticRegression => LOGISTIC_REGRESSION,
            Self::ElasticNet => ELASTIC_NET,
            Self::Fake => FAKE,
        }
    }
}

/// How the fake algorithm behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Behaviour {
    /// Trains to its end at once.
    #[default]
    Ok,
    /// Takes 50 ms a step.
    Slow,
    /// Panics at its third step.
    Panic,
    /// Allocates until the limit stops it.
    Oom,
    /// Recurses until the stack ends.
    Stack,
    /// Never returns from its third step.
    Hang,
}

/// Parameters that were checked: every one the algorithm takes has a value within its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    algorithm: Algorithm,
    values: BTreeMap<&'static str, f64>,
    behaviour: Behaviour,
}

impl Params {
    /// Checks the `params` object of a request; `null` means all defaults.
    ///
    /// # Errors
    /// A value that is no object, a key the algorithm does not take, a value of another type or out of bounds.
    pub fn parse(algorithm: Algorithm, given: &Value) -> Result<Self, ParamError> {
        let nothing = Map::new();
        let given = match given {
            Value::Null => &nothing,
            Value::Object(given) => given,
            other => return Err(ParamError::NotAnObject { found: type_name(other) }),
        };
        let rules = algorithm.parameters();
        let mut values: BTreeMap<_, _> = rules.iter().map(|rule| (rule.name, rule.default)).collect();
        let mut behaviour = Behaviour::Ok;
        for (name, value) in given {
            if algorithm == Algorithm::Fake && name == "behaviour" {
                behaviour = parse_behaviour(value)?;
                continue;
            }
            let rule = rules.iter().find(|rule| rule.name == name).ok_or_else(|| ParamError::Unknown {
                algorithm,
                parameter: excerpt(name).into_owned(),
                known: rules.iter().map(|rule| rule.name).collect(),
            })?;
            values.insert(rule.name, rule.check(value)?);
        }
        Ok(Self { algorithm, values, behaviour })
    }

    /// The algorithm the parameters belong to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// All values, defaults included, as the JSON object of a request.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for rule in self.algorithm.parameters() {
            let value = self.real(rule.name);
            let json = if rule.integer { Value::from(value as u64) } else { Value::from(value) };
            object.insert(rule.name.to_owned(), json);
        }
        if self.algorithm == Algorithm::Fake {
            object.insert("behaviour".to_owned(), Value::from(<&str>::from(self.behaviour)));
        }
        Value::Object(object)
    }

    pub(crate) fn real(&self, name: &str) -> f64 {
        *self.values.get(name).expect("steps read only the parameters of their own algorithm's rules")
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.real(name) as usize
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        self.behaviour
    }
}

impl Rule {
    /// The accepted values, as worded in error messages.
    pub fn expected(&self) -> String {
        let what = if self.integer { "a whole number" } else { "a number" };
        format!("{what} from {} to {}", self.min, self.max)
    }

    fn check(&self, value: &Value) -> Result<f64, ParamError> {
        let number = value.as_f64().ok_or_else(|| ParamError::WrongType {
            parameter: self.name.to_owned(),
            found: type_name(value).to_owned(),
            expected: self.expected(),
        })?;
        if number < self.min || number > self.max || (self.integer && number.fract() != 0.0) {
            return Err(ParamError::OutOfRange {
                parameter: self.name,
                found: value.to_string(),
                expected: self.expected(),
            });
        }
        Ok(number)
    }
}

fn parse_behaviour(value: &Value) -> Result<Behaviour, ParamError> {
    value.as_str().and_then(|name| name.parse().ok()).ok_or_else(|| ParamError::WrongType {
        parameter: "behaviour".to_owned(),
        found: excerpt(&value.to_string()).into_owned(),
        expected: format!("one of {}", Behaviour::VARIANTS.join(", ")),
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Why a `params` object was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// `params` is not a JSON object.
    #[error("params must be an object, found {found}")]
    NotAnObject {
        /// The JSON type given.
        found: &'static str,
    },
    /// The algorithm takes no such parameter.
    #[error("{algorithm} has no parameter `{parameter}`, expected one of {}", known.join(", "))]
    Unknown {
        /// The algorithm in the request.
        algorithm: Algorithm,
        /// The key given, or its beginning.
        parameter: String,
        /// The keys the algorithm takes.
        known: Vec<&'static str>,
    },
    /// The value has the wrong JSON type.
    #[error("parameter `{parameter}` is {found}, expected {expected}")]
    WrongType {
        /// The key given.
        parameter: String,
        /// What the value is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// The value lies outside its bounds, or is not whole where it must be.
    #[error("parameter `{parameter}` is {found}, expected {expected}")]
    OutOfRange {
        /// The key given.
        parameter: &'static str,
        /// The value given.
        found: String,
        /// What it must be.
        expected: String,
    },
}

impl ParamError {
    /// A stable name for the kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject { .. } => "params_not_an_object",
            Self::Unknown { .. } => "unknown_parameter",
            Self::WrongType { .. } => "parameter_type",
            Self::OutOfRange { .. } => "parameter_out_of_range",
        }
    }

    /// The parameter at fault, where it is one.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::NotAnObject { .. } => None,
            Self::Unknown { parameter, .. } | Self::WrongType { parameter, .. } => Some(parameter),
            Self::OutOfRange { parameter, .. } => Some(parameter),
        }
    }

    /// What was given, and what would be accepted.
    pub fn found_and_expected(&self) -> (String, String) {
        match self {
            Self::NotAnObject { found } => ((*found).to_owned(), "an object".to_owned()),
            Self::Unknown { parameter, known, .. } => (parameter.clone(), known.join(", ")),
            Self::WrongType { found, expected, .. } | Self::OutOfRange { found, expected, .. } => {
                (found.clone(), expected.clone())
            }
        }
    }
}
