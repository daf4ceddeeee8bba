//! The models that predict, loaded once and held in memory within a bound.

use std::sync::Arc;

use belfry_learning::model::Model;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Only sizes the cache's table.
const EXPECTED_MODELS: usize = 64;

/// Models loaded at the same time. Each may be as large as a run's memory.
const CONCURRENT_LOADS: usize = 2;

/// Models by the id of their run.
pub struct ModelCache {
    models: Cache<String, CachedModel, WeightBySize>,
    loads: Semaphore,
}

#[derive(Clone)]
struct CachedModel {
    model: Arc<Model>,
    /// What it takes in memory at most: its trees and texts, and as much as its file for the rest.
    bytes: u64,
}

#[derive(Clone)]
struct WeightBySize;

impl Weighter<String, CachedModel> for WeightBySize {
    fn weight(&self, _: &String, cached: &CachedModel) -> u64 {
        cached.bytes
    }
}

impl ModelCache {
    /// For models that take at most `capacity_bytes` of memory together. Those used least make room for new ones.
    pub fn new(capacity_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED_MODELS)
            .weight_capacity(capacity_bytes)
            // With more than one, none may be larger than a shard.
            .shards(1)
            .build()
            .expect("both capacities are set");
        let models = Cache::with_options(options, WeightBySize, Default::default(), Default::default());
        Self { models, loads: Semaphore::new(CONCURRENT_LOADS) }
    }

    /// The model of this run, if it is in memory.
    pub fn get(&self, run_id: &str) -> Option<Arc<Model>> {
        self.models.get(run_id).map(|cached| cached.model)
    }

    /// The model of this run, loaded by `load` from a file of `file_bytes` if it is not in memory. Concurrent calls for the
    /// same run wait for one load.
    pub async fn get_or_load(
        &self,
        run_id: &str,
        file_bytes: u64,
        load: impl Future<Output = Result<Model>>,
    ) -> Result<Arc<Model>> {
        let cached = self.models.get_or_insert_async(run_id, async {
            let _permit = self.loads.acquire().await.map_err(|closed| Error::Internal(closed.into()))?;
            let model = load.await?;
            let bytes = file_bytes.saturating_add(model.memory_bytes() as u64).max(1);
            Ok::<_, Error>(CachedModel { model: Arc::new(model), bytes })
        });
        cached.await.map(|cached| cached.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TREES: usize = 1000;

    /// A model of single leaves, and the size of its file.
    fn model() -> (Model, u64) {
        let leaf =
            json!({"feature": [0], "threshold": [0.0], "left": [0], "right": [0], "missing": [0], "value": [1.0]});
        let trees = json!({"base": [0.0], "mean": false, "fill_missing": false, "link": "identity", "trees": vec![leaf; TREES]});
        let file = json!({
            "format": "belfry-model", "format_version": 1, "crate_version": "0.1.0",
            "algorithm": "gradient_boosting", "task": "regression", "target": "y", "classes": [],
            "features": [{"name": "x", "kind": "number", "fill": 0.0}], "ignored_columns": [],
            "body": {"trees": trees},
        });
        let bytes = file.to_string().into_bytes();
        (Model::load(&bytes).expect("a model"), bytes.len() as u64)
    }

    #[tokio::test]
    async fn models_are_kept_within_the_bound_by_what_they_take() {
        let (one, file_bytes) = model();
        assert!(one.memory_bytes() >= TREES * 32, "a node takes 32 bytes, {} were counted", one.memory_bytes());
        let of_each = file_bytes + one.memory_bytes() as u64;
        let cache = ModelCache::new(3 * of_each);
        for run in 0..20 {
            let loaded = cache.get_or_load(&run.to_string(), file_bytes, async { Ok(model().0) }).await;
            loaded.expect("it loads");
            assert!(cache.get(&run.to_string()).is_some(), "the newest model was not kept");
        }
        let kept = (0..20).filter(|run: &i32| cache.get(&run.to_string()).is_some()).count();
        assert_eq!(kept, 3, "models in a cache with room for three");
    }
}
