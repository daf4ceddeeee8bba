//! Specifications of runs over files of the test's own folder, and the datasets the project ships.

use std::path::{Path, PathBuf};

use belfry_learning::algorithm::Algorithm;
use belfry_learning::protocol::{ChildSpec, RunSpec};
use serde_json::Value;

/// One of the shipped datasets.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name)
}

/// A run with everything at its defaults.
pub fn spec(dataset: &Path, target: &str, algorithm: Algorithm, folder: &Path) -> ChildSpec {
    ChildSpec {
        run_id: "test-run".to_owned(),
        run: RunSpec {
            dataset_id: "test-dataset".to_owned(),
            target: target.to_owned(),
            algorithm,
            task: None,
            params: Value::Null,
            seed: 42,
            test_fraction: 0.25,
        },
        dataset_path: dataset.to_owned(),
        gzip: false,
        model_path: folder.join("model.json"),
        max_rows: 1_000_000,
        memory_limit_bytes: 512 << 20,
        deadline_seconds: 60.0,
    }
}
