//! `GET /api/v1/billing/events`.

use axum::extract::State;
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::event::exponent;
use crate::database::rfc3339;
use crate::error::{Error, Result};
use crate::labels::BillingEventType;
use crate::request::{Json, Page, Query, shown};
use crate::state::Shared;

/// Which page, and of which type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    #[serde(rename = "type")]
    kind: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An event as the API shows it.
#[derive(Serialize)]
pub struct BillingEvent {
    id: String,
    /// The sender's id.
    webhook_id: String,
    #[serde(rename = "type")]
    kind: String,
    received_at: String,
    occurred_at: String,
    customer_id: String,
    subscription_id: Option<String>,
    plan: Option<String>,
    /// In minor units of the currency.
    amount_minor: Option<i64>,
    currency: Option<String>,
    /// By which power of ten the amount is to be divided for whole units of the currency.
    currency_exponent: Option<u16>,
}

impl FromRow<'_, AnyRow> for BillingEvent {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let currency: Option<String> = row.try_get("currency")?;
        Ok(Self {
            id: row.try_get("id")?,
            webhook_id: row.try_get("webhook_id")?,
            kind: row.try_get("type")?,
            received_at: rfc3339(row.try_get("received_at")?),
            occurred_at: rfc3339(row.try_get("occurred_at")?),
            customer_id: row.try_get("customer_id")?,
            subscription_id: row.try_get("subscription_id")?,
            plan: row.try_get("plan")?,
            amount_minor: row.try_get("amount_minor")?,
            currency_exponent: currency.as_deref().and_then(Currency::from_code).and_then(exponent),
            currency,
        })
    }
}

/// `GET /api/v1/billing/events`: newest first; `type` shows only those.
pub async fn list(State(app): State<Shared>, Query(requested): Query<ListQuery>) -> Result<Json<Page<BillingEvent>>> {
    let limit = Page::<BillingEvent>::limit(requested.limit)?;
    let before = Page::<BillingEvent>::before(requested.cursor)?;
    let kind = requested.kind.as_deref().map(kept).transpose()?;
    let of_type = if kind.is_some() { "AND type = $2" } else { "AND $2 = ''" };
    let query = format!(
        "SELECT id, webhook_id, type, received_at, occurred_at, customer_id, subscription_id, plan, amount_minor, currency \
         FROM billing_events WHERE id < $1 {of_type} ORDER BY id DESC LIMIT $3"
    );
    let query = sqlx::query_as::<_, BillingEvent>(sqlx::AssertSqlSafe(query))
        .bind(before)
        .bind(kind.map_or("", BillingEventType::name))
        .bind(limit + 1);
    let found = query.fetch_all(&app.database.pool).await?;
    Ok(Json(Page::from_rows(found, limit, |last| last.id.clone())))
}

fn kept(name: &str) -> Result<BillingEventType> {
    BillingEventType::kept(name).ok_or_else(|| {
        let detail = format!("type: found {}, expected one such as payment.succeeded", shown(name));
        Error::BadRequest { code: "invalid_query", detail }
    })
}
