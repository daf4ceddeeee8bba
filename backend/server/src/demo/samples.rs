//! The shipped datasets: from a folder where it has them, else the copies in this program, which is then all a container needs.

use std::path::Path;

use anyhow::{Context, bail};
use belfry_learning::algorithm::{Algorithm, Task};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value};

/// What is known of a shipped dataset.
struct Shipped {
    name: &'static str,
    target: &'static str,
    task: Task,
    bytes: &'static [u8],
}

macro_rules! shipped {
    ($($name:literal $target:literal $task:ident;)+) => {
        const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            target: $target,
            task: Task::$task,
            bytes: include_bytes!(concat!("../../../../data/", $name)),
        }),+];
    };
}

shipped! {
    "breast_cancer.csv" "diagnosis" Classification;
    "diabetes.csv" "progression" Regression;
    "digits.csv" "digit" Classification;
    "iris.csv" "species" Classification;
    "penguins.csv" "species" Classification;
    "wine.csv" "cultivar" Classification;
}

/// The widest dataset: training on it lasts long enough to be cancelled.
pub const SLOWEST: &str = "digits.csv";

/// A dataset the demo can upload, train on and predict rows of.
pub struct Sample {
    /// Its file name.
    pub name: &'static str,
    /// The column to predict.
    pub target: &'static str,
    /// What kind of column that is.
    pub task: Task,
    /// The file.
    pub bytes: Bytes,
    rows: Vec<Map<String, Value>>,
}

/// The datasets.
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Reads the datasets from `folder`, or from `./data` when none is given; what is not there is taken from the copies.
    pub fn load(folder: Option<&Path>) -> anyhow::Result<Self> {
        let place = folder.unwrap_or(Path::new("data"));
        let mut samples = Vec::with_capacity(SHIPPED.len());
        let mut found = 0;
        for shipped in SHIPPED {
            let path = place.join(shipped.name);
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => {
                    found += 1;
                    Bytes::from(bytes)
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Bytes::from_static(shipped.bytes),
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            };
            samples.push(Sample::read(shipped, bytes).with_context(|| format!("cannot use {}", path.display()))?);
        }
        if let (Some(folder), 0) = (folder, found) {
            let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
            bail!("--data {} has none of {}", folder.display(), names.join(", "));
        }
        Ok(Self(samples))
    }

    /// The dataset with this file name.
    pub fn by_name(&self, name: &str) -> &Sample {
        self.0.iter().find(|sample| sample.name == name).expect("only names of SHIPPED are used")
    }

    /// Any of the datasets.
    pub fn any(&self, rng: &mut StdRng) -> &Sample {
        self.0.choose(rng).expect("SHIPPED is not empty")
    }
}

impl Sample {
    fn read(shipped: &Shipped, bytes: Bytes) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(bytes.as_ref());
        let header = reader.headers()?.clone();
        if !header.iter().any(|name| name == shipped.target) {
            bail!("it has no column `{}`", shipped.target);
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record?;
            let cells = header.iter().zip(&record).filter(|(name, _)| *name != shipped.target);
            rows.push(cells.map(|(name, text)| (name.to_owned(), value(text))).collect());
        }
        Ok(Self { name: shipped.name, target: shipped.target, task: shipped.task, bytes, rows })
    }

    /// Whether the algorithm can be trained on it within a second or so.
    pub fn suits(&self, algorithm: Algorithm) -> bool {
        algorithm.supports(self.task) && self.name != SLOWEST
    }

    /// Some of its rows, without the target.
    pub fn some_rows(&self, count: usize, rng: &mut StdRng) -> Vec<Map<String, Value>> {
        self.rows.sample(rng, count).cloned().collect()
    }
}

fn value(text: &str) -> Value {
    if matches!(text, "" | "NA") {
        return Value::Null;
    }
    text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_algorithm_has_a_whole_sample_that_suits_it() {
        let samples = Samples::load(Some(Path::new("/nowhere")));
        assert!(samples.is_err_and(|error| error.to_string().contains("has none of breast_cancer.csv")));
        let samples: Vec<Sample> =
            SHIPPED.iter().map(|shipped| Sample::read(shipped, Bytes::from_static(shipped.bytes)).unwrap()).collect();
        for algorithm in Algorithm::ALL {
            assert!(samples.iter().any(|sample| sample.suits(algorithm)), "{algorithm}");
        }
        let rows: Vec<usize> = samples.iter().map(|sample| sample.rows.len()).collect();
        assert_eq!(rows, [569, 442, 1797, 150, 344, 178]);
    }

    #[test]
    fn a_row_to_predict_has_numbers_text_and_nulls_and_no_target() {
        let samples = Samples::load(None).unwrap();
        let rows = samples.by_name("penguins.csv").some_rows(344, &mut StdRng::seed_from_u64(1));
        assert_eq!(rows.len(), 344);
        assert!(rows.iter().all(|row| row.len() == 7 && !row.contains_key("species")));
        assert!(rows.iter().any(|row| row["bill_length_mm"].is_null()));
        assert!(rows.iter().all(|row| row["island"].is_string() && row["year"].is_number()));
    }
}
