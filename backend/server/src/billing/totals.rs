//! What the ledger has in all. Every server reads it from the database, so all say the same, and a restart changes nothing.

use crate::database::{Database, bounds};
use crate::error::chain;
use crate::events::billing::BillingTotals;
use crate::labels::BillingEventType;

/// Reads and emits. After a failure, which is logged, the counters stay as they were: the ledger only grows.
///
/// Only one loop of a process may call this. Of two readings at once, the older could come last, and a counter that falls
/// looks like a restart.
pub async fn refresh(database: &Database) {
    match bounds::with_request_timeout(async { Ok(read(database).await?) }).await {
        Ok(totals) => totals.emit(),
        Err(error) => tracing::warn!(cause = chain(&error), "reading billing totals failed"),
    }
}

/// Reads them. Payments and refunds are listed for each currency that has either, so that their counters begin together.
pub(super) async fn read(database: &Database) -> sqlx::Result<BillingTotals> {
    let query = "SELECT type, currency, events, amount_minor, last_received_at FROM billing_totals ORDER BY currency";
    let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(query).fetch_all(&database.pool).await?;
    let mut totals = BillingTotals::default();
    for (kind, currency, events, amount_minor, last_received_at) in rows {
        totals.last_received_at = totals.last_received_at.max(Some(last_received_at));
        match BillingEventType::kept(&kind) {
            Some(BillingEventType::SubscriptionStarted) => totals.conversions += events,
            Some(BillingEventType::PaymentSucceeded) => {
                add(&mut totals.revenue, &currency, amount_minor);
                add(&mut totals.refunds, &currency, 0);
            }
            Some(BillingEventType::PaymentRefunded) => {
                add(&mut totals.revenue, &currency, 0);
                add(&mut totals.refunds, &currency, amount_minor);
            }
            _ => {}
        }
    }
    Ok(totals)
}

/// The rows come ordered by currency.
fn add(amounts: &mut Vec<(String, i64)>, currency: &str, amount_minor: i64) {
    match amounts.last_mut().filter(|(last, _)| last == currency) {
        Some((_, amount)) => *amount += amount_minor,
        None => amounts.push((currency.to_owned(), amount_minor)),
    }
}
