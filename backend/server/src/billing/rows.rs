//! Stores an event: its row and the totals of its type and currency, both or neither.
//!
//! An event is known by its sender's id, so that one that is delivered again, or to another server at the same time, changes
//! nothing. Each transaction locks one row of events and then one of totals, in this order, so that on PostgreSQL no two wait for
//! each other. SQLite has one writer.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::event::Event;
use crate::database::{Database, Transaction, now_micros};
use crate::error::{Error, Result};

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is new, and has this id in the ledger.
    New(String),
    /// It was there already.
    Repeated,
}

/// Stores an event that was sent under this id with this body.
///
/// # Errors
/// 409 when another body was stored under the id, 422 when the total of its type and currency would not be a number any more.
pub(super) async fn store(database: &Database, webhook_id: &str, body: &[u8], event: &Event) -> Result<Stored> {
    let sha256 = hex::encode(Sha256::digest(body));
    let mut transaction = database.begin().await?;
    let now = now_micros();
    if let Some(id) = insert(&mut transaction, webhook_id, &sha256, event, now).await? {
        add(&mut transaction, event, now).await?;
        transaction.commit().await?;
        return Ok(Stored::New(id));
    }
    let query = "SELECT body_sha256 FROM billing_events WHERE webhook_id = $1";
    let stored: String = sqlx::query_scalar(query).bind(webhook_id).fetch_one(&mut *transaction).await?;
    transaction.rollback().await?;
    if stored == sha256 {
        return Ok(Stored::Repeated);
    }
    let detail = "webhook-id: an event with another body was stored under this id before".to_owned();
    Err(Error::Conflict { code: "webhook_id_reused", detail })
}

/// Inserts the row unless there is one with the sender's id, and returns the new row's own id.
async fn insert(
    transaction: &mut Transaction,
    webhook_id: &str,
    sha256: &str,
    event: &Event,
    now: i64,
) -> Result<Option<String>> {
    let id = Uuid::now_v7().to_string();
    let insert = "INSERT INTO billing_events (id, webhook_id, body_sha256, received_at, occurred_at, type, subscription_id, \
         customer_id, plan, amount_minor, currency) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (webhook_id) DO NOTHING";
    let query = sqlx::query(insert)
        .bind(&id)
        .bind(webhook_id)
        .bind(sha256)
        .bind(now)
        .bind(event.occurred_at)
        .bind(event.kind.name())
        .bind(event.subscription_id.as_deref())
        .bind(&event.customer_id)
        .bind(event.plan.as_deref())
        .bind(event.amount.map(|amount| amount.minor))
        .bind(event.amount.map(|amount| amount.currency.code()));
    let inserted = query.execute(&mut **transaction).await?.rows_affected();
    Ok((inserted == 1).then_some(id))
}

/// Adds it to the totals.
async fn add(transaction: &mut Transaction, event: &Event, now: i64) -> Result<()> {
    let (currency, minor) = event.amount.map_or(("", 0), |amount| (amount.currency.code(), amount.minor));
    let upsert = "INSERT INTO billing_totals (type, currency, events, amount_minor, last_received_at) \
         VALUES ($1, $2, 1, $3, $4) \
         ON CONFLICT (type, currency) DO UPDATE SET events = billing_totals.events + 1, \
         amount_minor = billing_totals.amount_minor + excluded.amount_minor, \
         last_received_at = CASE WHEN excluded.last_received_at > billing_totals.last_received_at \
         THEN excluded.last_received_at ELSE billing_totals.last_received_at END \
         WHERE billing_totals.amount_minor <= 9223372036854775807 - excluded.amount_minor";
    let query = sqlx::query(upsert).bind(event.kind.name()).bind(currency).bind(minor).bind(now);
    if query.execute(&mut **transaction).await?.rows_affected() == 1 {
        return Ok(());
    }
    let detail = format!("data.amount_minor: the total of {} in {currency} would be more than 2^63", event.kind.name());
    Err(Error::invalid("total_too_large", detail))
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;

    use super::super::event::Amount;
    use super::super::totals;
    use super::*;
    use crate::database::testing;
    use crate::events::billing::BillingTotals;
    use crate::labels::BillingEventType;

    fn event(kind: BillingEventType, amount: Option<(i64, Currency)>) -> Event {
        Event {
            kind,
            occurred_at: 10,
            customer_id: "cus_1".to_owned(),
            subscription_id: Some("sub_1".to_owned()),
            plan: None,
            amount: amount.map(|(minor, currency)| Amount { minor, currency }),
        }
    }

    async fn count(database: &Database) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM billing_events").fetch_one(&database.pool).await.unwrap()
    }

    #[tokio::test]
    async fn an_event_is_stored_once_and_totals_follow() {
        use BillingEventType::{PaymentRefunded, PaymentSucceeded, SubscriptionRenewed, SubscriptionStarted};
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        assert_eq!(totals::read(&database).await.unwrap(), BillingTotals::default());
        let events = [
            event(SubscriptionStarted, None),
            event(SubscriptionStarted, Some((700, Currency::USD))),
            event(SubscriptionRenewed, None),
            event(PaymentSucceeded, Some((1_900, Currency::EUR))),
            event(PaymentSucceeded, Some((100, Currency::EUR))),
            event(PaymentSucceeded, Some((500, Currency::JPY))),
            event(PaymentRefunded, Some((400, Currency::EUR))),
            event(PaymentRefunded, Some((7, Currency::KWD))),
        ];
        for (number, event) in events.iter().enumerate() {
            let (id, body) = (format!("msg_{number}"), format!("body {number}"));
            assert!(matches!(store(&database, &id, body.as_bytes(), event).await.unwrap(), Stored::New(_)));
            assert_eq!(store(&database, &id, body.as_bytes(), event).await.unwrap(), Stored::Repeated);
            let error = store(&database, &id, b"another body", event).await.unwrap_err();
            assert_eq!(error.code(), "webhook_id_reused");
        }
        assert_eq!(count(&database).await, 8);
        let found = totals::read(&database).await.unwrap();
        let amounts = |amounts: &[(&str, i64)]| -> Vec<(String, i64)> {
            amounts.iter().map(|(currency, amount)| ((*currency).to_owned(), *amount)).collect()
        };
        assert_eq!(found.conversions, 2);
        assert_eq!(found.revenue, amounts(&[("EUR", 2_000), ("JPY", 500), ("KWD", 0)]));
        assert_eq!(found.refunds, amounts(&[("EUR", 400), ("JPY", 0), ("KWD", 7)]));
        let last: i64 =
            sqlx::query_scalar("SELECT MAX(received_at) FROM billing_events").fetch_one(&database.pool).await.unwrap();
        assert_eq!(found.last_received_at, Some(last));
    }

    #[tokio::test]
    async fn a_total_that_would_overflow_stores_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = testing::fresh(folder.path()).await;
        let payment = |minor| event(BillingEventType::PaymentSucceeded, Some((minor, Currency::EUR)));
        store(&database, "msg_1", b"1", &payment(i64::MAX - 5)).await.unwrap();
        let error = store(&database, "msg_2", b"2", &payment(6)).await.unwrap_err();
        assert_eq!(error.code(), "total_too_large");
        assert_eq!(count(&database).await, 1);
        assert!(matches!(store(&database, "msg_3", b"3", &payment(5)).await.unwrap(), Stored::New(_)));
        assert_eq!(totals::read(&database).await.unwrap().revenue, [("EUR".to_owned(), i64::MAX)]);
    }
}
