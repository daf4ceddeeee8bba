//! `GET /api/v1/ai/usage`: what calls to the AI provider used and cost, in groups, as JSON or CSV.
//!
//! One statement reads the groups of the whole range, and the totals are the sums over them: so the two agree, whatever is
//! written meanwhile. Amounts are exact, as decimal dollars and as whole pico-dollars, both as text.

mod groups;
mod range;
mod table;
mod view;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator;

use super::budget::gauges;
use super::ledger::Ledger;
use crate::database::{now_micros, rfc3339};
use crate::error::{Error, Result};
use crate::labels::{BudgetName, BudgetPeriod};
use crate::request::{Json, Page, Query};
use groups::{Group, GroupBy, GroupSums};
use range::Range;
use view::{BudgetView, BudgetsView, GroupView, LimitView, Money, Sums};

/// What is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    group_by: Option<GroupBy>,
    from: Option<String>,
    to: Option<String>,
    format: Option<Format>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// As what.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
}

/// The answer in JSON.
#[derive(Serialize)]
struct Usage {
    from: String,
    /// Not included; null: up to now.
    to: Option<String>,
    /// Of days, and of budgets.
    time_zone: String,
    group_by: GroupBy,
    #[serde(flatten)]
    page: Page<GroupView>,
    /// Of all groups, not only those of this page.
    totals: Sums,
    budget: BudgetsView,
}

/// `GET /api/v1/ai/usage`: calls since the month began, or `from` a time up to another, `to`, in groups by `group_by`: `day`
/// (the default), `operation`, `model`, `provider` or `user`. `format=csv`, or a header `Accept: text/csv`, for CSV.
pub async fn usage(
    State(ledger): State<Arc<Ledger>>,
    headers: HeaderMap,
    Query(query): Query<UsageQuery>,
) -> Result<Response> {
    let limit = Page::<Group>::limit(query.limit)?;
    let (now, zone) = (now_micros(), &ledger.budgets.time_zone);
    let range = Range::parse(query.from.as_deref(), query.to.as_deref(), now, zone)?;
    let group_by = query.group_by.unwrap_or(GroupBy::Day);
    let found = groups::read(&ledger.database, group_by, range, zone).await?;
    let format = query.format.unwrap_or(if prefers_csv(&headers) { Format::Csv } else { Format::Json });
    if matches!(format, Format::Csv) {
        return csv(group_by, &found);
    }
    let totals: GroupSums = found.iter().map(|group| group.sums).sum();
    let after = query.cursor.as_deref().map(view::read_cursor).transpose()?;
    let rest = found.into_iter().filter(|group| after.as_ref().is_none_or(|after| group.key > *after));
    let shown = usize::try_from(limit).unwrap_or(0) + 1;
    let page = Page::from_rows(rest.take(shown).collect(), limit, |group: &Group| view::cursor(&group.key));
    let usage = Usage {
        from: rfc3339(range.from),
        to: range.to.map(rfc3339),
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        group_by,
        page: page.map(GroupView::from),
        totals: totals.into(),
        budget: budgets(&ledger, now).await?,
    };
    Ok(Json(usage).into_response())
}

fn prefers_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut types = accepted.split(',').map(|accepted| accepted.split(';').next().unwrap_or_default().trim());
    types.next().is_some_and(|first| first.eq_ignore_ascii_case("text/csv"))
}

fn csv(group_by: GroupBy, found: &[Group]) -> Result<Response> {
    let text = table::text(group_by, found).map_err(Error::Internal)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"ai-usage.csv\"")),
    ];
    Ok((headers, text).into_response())
}

async fn budgets(ledger: &Ledger, now: i64) -> Result<BudgetsView> {
    let mut periods = Vec::new();
    for length in BudgetPeriod::iter() {
        periods.push(BudgetView::new(length, gauges::read(&ledger.database, &ledger.budgets, length, now).await?));
    }
    let of_users = BudgetName::iter().filter(|name| name.is_of_user());
    let limit = |name| Some(LimitView { name, limit: Money::from(ledger.budgets.amount(name)?) });
    Ok(BudgetsView { mode: ledger.budgets.mode, periods, of_each_user: of_users.filter_map(limit).collect() })
}
