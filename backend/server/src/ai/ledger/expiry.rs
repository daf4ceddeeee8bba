//! Reservations of processes that died between the call and its end. Whether the call was billed is not known, so that its worst
//! case stays counted, and the row says `unknown`: released, the money could be spent a second time.

use belfry_ledger::PicoDollars;

use super::{Ledger, rows};
use crate::database::now_micros;
use crate::error::Result;

/// Rows are expired this many at a time, so that no statement holds the database up.
const BATCH: i64 = 500;

impl Ledger {
    /// Expires at most a batch of reservations. Returns how many, and whether there may be more.
    pub async fn expire_reservations(&self) -> Result<(usize, bool)> {
        self.expire_reservations_at(now_micros()).await
    }

    pub(super) async fn expire_reservations_at(&self, now: i64) -> Result<(usize, bool)> {
        let expired = rows::expire(&self.database, now, BATCH).await?;
        for (id, operation, model, worst_case) in &expired {
            let worst_case_dollars = PicoDollars::from(*worst_case).to_string();
            tracing::warn!(
                id,
                operation,
                model,
                worst_case_dollars,
                "AI call expired: how it ended is not known, and its worst case counts"
            );
        }
        Ok((expired.len(), expired.len() as i64 == BATCH))
    }
}
