//! The job `business_snapshot`: how many datasets, runs and users there are, on record once an hour, so that later questions
//! about growth do not depend on how long metrics are kept.
//!
//! Predictions are not in it: they leave no rows, and are counted by each server in `belfry_predictions_total`.

use std::collections::BTreeMap;

use serde_json::json;

use super::Components;
use crate::config::JobsConfig;
use crate::database::{Database, now_micros};
use crate::datasets;
use crate::error::Result;
use crate::events::auth::UserTotals;
use crate::events::upload::DatasetTotals;
use crate::scheduler::{Job, JobMetadata, Overlap, Plan, RunContext};
use crate::users;

type Counts = BTreeMap<String, i64>;

/// The job.
pub(super) struct BusinessSnapshot(pub(super) Components);

impl Job for BusinessSnapshot {
    const NAME: &'static str = "business_snapshot";

    fn plan(&self, config: &JobsConfig) -> Plan {
        Plan { overlap: Overlap::Wait, ..Plan::new(config.business_snapshot_schedule.clone(), config) }
    }

    async fn run(&self, context: &RunContext) -> Result<()> {
        record_snapshot(&self.0.database, &context.metadata).await
    }
}

/// Counts, and records the counts.
async fn record_snapshot(database: &Database, metadata: &JobMetadata) -> Result<()> {
    let now = now_micros();
    let DatasetTotals { datasets, size_bytes: dataset_bytes } = datasets::totals::count(database).await?;
    let query = "SELECT status, outcome, COUNT(*) FROM runs GROUP BY status, outcome";
    let counted: Vec<(String, Option<String>, i64)> = sqlx::query_as(query).fetch_all(&database.pool).await?;
    let (mut by_status, mut by_outcome) = (Counts::new(), Counts::new());
    for (status, outcome, count) in counted {
        *by_status.entry(status).or_default() += count;
        if let Some(outcome) = outcome {
            *by_outcome.entry(outcome).or_default() += count;
        }
    }
    let UserTotals { users, daily, weekly, monthly } = users::totals::count(database).await?;
    let active_users = json!({ "dau": daily, "wau": weekly, "mau": monthly });
    let (by_status, by_outcome) = (json!(by_status), json!(by_outcome));
    sqlx::query(
        "INSERT INTO business_snapshots (taken_at, datasets, dataset_bytes, runs_by_status, runs_by_outcome, users, \
         active_users) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (taken_at) DO NOTHING",
    )
    .bind(now)
    .bind(datasets)
    .bind(dataset_bytes)
    .bind(by_status.to_string())
    .bind(by_outcome.to_string())
    .bind(users)
    .bind(active_users.to_string())
    .execute(&database.pool)
    .await?;
    metadata.set("datasets", datasets);
    metadata.set("dataset_bytes", dataset_bytes);
    metadata.set("runs_by_status", by_status);
    metadata.set("runs_by_outcome", by_outcome);
    metadata.set("users", users);
    metadata.set("active_users", active_users);
    Ok(())
}
