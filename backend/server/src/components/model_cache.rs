//! The models that predict, loaded once and held in memory within a bound.

use std::sync::Arc;

use belfry_learning::model::Model;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Bound on all models in memory, by the size of their files, which is near the size they take here.
const CAPACITY_BYTES: u64 = 128 << 20;

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
    file_bytes: u64,
}

#[derive(Clone)]
struct WeightBySize;

impl Weighter<String, CachedModel> for WeightBySize {
    fn weight(&self, _: &String, cached: &CachedModel) -> u64 {
        cached.file_bytes.max(1)
    }
}

impl Default for ModelCache {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED_MODELS)
            .weight_capacity(CAPACITY_BYTES)
            // With more than one, none may be larger than a shard.
            .shards(1)
            .build()
            .expect("both capacities are set");
        let models = Cache::with_options(options, WeightBySize, Default::default(), Default::default());
        Self { models, loads: Semaphore::new(CONCURRENT_LOADS) }
    }
}

impl ModelCache {
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
            Ok::<_, Error>(CachedModel { model: Arc::new(load.await?), file_bytes })
        });
        cached.await.map(|cached| cached.model)
    }
}
