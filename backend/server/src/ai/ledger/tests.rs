use std::time::Duration;

use belfry_ledger::{Report, read_response};
use belfry_test_support::eventually;

use super::*;
use crate::ai::budget::Sums;
use crate::database::testing;
use crate::labels::AiOutcome;

mod overspend;

/// A million tokens of `m` cost one dollar, read or written.
const PRICES: &str = r#"
[[model]]
id = "test/m"
names = ["m"]
source = "a test"
[[model.prices]]
from = "2000-01-01"
input = "1"
output = "1"

[[model]]
id = "test/dear"
names = ["dear"]
source = "a test"
[[model.prices]]
from = "2000-01-01"
input = "1000"
output = "1000"

[[free]]
id = "free/f"
names = ["f"]
source = "a test"
from = "2000-01-01"
"#;

/// 2026-11-28T12:00:00Z
const NOON: i64 = 1_795_867_200_000_000;
const HOUR: i64 = 3_600_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

fn ledger(database: Database, variables: &[(&str, &str)]) -> Arc<Ledger> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Ledger::new(database, &Config::read(variables).unwrap(), Prices::parse(PRICES).unwrap())
}

/// A call that costs at most this many dollar cents.
fn call(model: &str, cents: u64) -> PlannedCall {
    PlannedCall {
        operation: AiOperation::ExplainRun,
        model: model.to_owned(),
        provider: None,
        user_id: None,
        prompt_tokens_at_most: 0,
        max_output_tokens: cents * 10_000,
    }
}

fn report(model: &str, prompt: u64, completion: u64) -> Report {
    let total = prompt + completion;
    let body = format!(
        r#"{{"object": "chat.completion", "id": "gen-1", "model": "{model}", "provider": "Somewhere",
            "usage": {{"prompt_tokens": {prompt}, "completion_tokens": {completion}, "total_tokens": {total}}}}}"#
    );
    read_response(body.as_bytes()).unwrap()
}

fn finished(outcome: AiOutcome, report: Option<Report>) -> FinishedCall {
    FinishedCall { outcome, report, latency: Duration::from_millis(1_234) }
}

fn cents(cents: i128) -> PicoDollars {
    PicoDollars::new(cents * 10_000_000_000)
}

async fn sums(ledger: &Ledger, since: i64, user_id: Option<&str>) -> Sums {
    let mut connection = ledger.database.pool.acquire().await.unwrap();
    rows::sums_since(&mut connection, since, user_id).await.unwrap()
}

/// Outcome, pricing, cost and what is counted of a row.
async fn row(ledger: &Ledger, id: &str) -> (Option<String>, String, Option<i64>, i64) {
    let query = "SELECT outcome, pricing, cost_pico, counted_pico FROM ai_usage WHERE id = $1";
    sqlx::query_as(query).bind(id).fetch_one(&ledger.database.pool).await.unwrap()
}

fn code(refused: Result<Reservation>) -> &'static str {
    refused.err().expect("it is refused").code()
}

#[tokio::test]
async fn a_call_counts_its_worst_case_and_then_its_cost() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    let reservation = ledger.reserve(call("m", 10)).await.unwrap();
    let id = reservation.id.clone();
    assert_eq!(sums(&ledger, 0, None).await, Sums { spent: cents(0), reserved: cents(10) });
    assert_eq!(row(&ledger, &id).await, (None, "priced".to_owned(), None, 100_000_000_000));
    reservation.settle(finished(AiOutcome::Ok, Some(report("m", 10_000, 20_000)))).await;
    let settled = (Some("ok".to_owned()), "priced".to_owned(), Some(30_000_000_000), 30_000_000_000);
    assert_eq!(row(&ledger, &id).await, settled);
    assert_eq!(sums(&ledger, 0, None).await, Sums { spent: cents(3), reserved: cents(0) });
    let query = "SELECT uncached_prompt_tokens, visible_output_tokens, total_tokens, token_rule, provider, generation_id, price, \
        latency_ms FROM ai_usage WHERE id = $1";
    let found: (i64, i64, i64, String, String, String, String, i64) =
        sqlx::query_as(query).bind(&id).fetch_one(&ledger.database.pool).await.unwrap();
    let texts = [found.4.as_str(), found.5.as_str(), found.6.as_str()];
    assert_eq!((found.0, found.1, found.2, found.7), (10_000, 20_000, 30_000, 1_234));
    assert_eq!(texts, ["Somewhere", "gen-1", "test/m@2000-01-01"]);
}

#[tokio::test]
async fn each_outcome_counts_what_it_may_have_cost() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    for (model, outcome, report, expected) in [
        ("m", AiOutcome::Unreachable, None, ("unreachable", "free", Some(0), 0)),
        ("m", AiOutcome::RateLimited, None, ("rate_limited", "free", Some(0), 0)),
        ("m", AiOutcome::Timeout, None, ("timeout", "unknown", None, 10_000_000_000)),
        ("m", AiOutcome::Ok, None, ("no_usage", "unknown", None, 10_000_000_000)),
        ("m", AiOutcome::Truncated, Some(report("m", 1, 1)), ("truncated", "priced", Some(2_000_000), 2_000_000)),
        // Under another name than it was asked for, and that has no price.
        ("m", AiOutcome::Ok, Some(report("m-2026-01-01", 1, 1)), ("ok", "priced", Some(2_000_000), 2_000_000)),
        ("f", AiOutcome::Ok, Some(report("f", 1, 1)), ("ok", "free", Some(0), 0)),
        ("new", AiOutcome::Ok, Some(report("new", 1, 1)), ("ok", "unpriced", None, 0)),
        ("new", AiOutcome::Timeout, None, ("timeout", "unpriced", None, 0)),
    ] {
        let reservation = ledger.reserve(call(model, 1)).await.unwrap();
        let id = reservation.id.clone();
        reservation.settle(finished(outcome, report)).await;
        let (outcome, pricing, cost, counted) = row(&ledger, &id).await;
        assert_eq!((outcome.as_deref().unwrap(), pricing.as_str(), cost, counted), expected, "{model}");
    }
}

#[tokio::test]
async fn a_hard_budget_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let hard = [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", "0.10"), ("AI__BUDGET_USER_DAILY", "0.05")];
    let ledger = ledger(testing::fresh(folder.path()).await, &hard);
    let of_user = |user: &str, cents| PlannedCall { user_id: Some(user.to_owned()), ..call("m", cents) };
    let first = ledger.reserve(of_user("a", 4)).await.unwrap();
    assert_eq!(code(ledger.reserve(of_user("a", 2)).await), "ai_budget_exhausted");
    let second = ledger.reserve(of_user("b", 5)).await.unwrap();
    assert_eq!(code(ledger.reserve(call("m", 2)).await), "ai_budget_exhausted");
    let third = ledger.reserve(call("m", 1)).await.unwrap();
    assert_eq!(code(ledger.reserve(call("m", 11)).await), "ai_call_exceeds_budget");
    assert_eq!(code(ledger.reserve(call("new", 1)).await), "ai_model_unpriced");
    let free = ledger.reserve(call("f", 100)).await.expect("what is free always fits");
    assert_eq!(sums(&ledger, 0, None).await.reserved, cents(10));
    assert_eq!(sums(&ledger, 0, Some("a")).await.reserved, cents(4));
    // What is left of a reservation is free again at once.
    for reservation in [first, second, third, free] {
        reservation.settle(finished(AiOutcome::ServerError, None)).await;
    }
    let again = ledger.reserve(of_user("a", 5)).await.unwrap();
    again.settle(finished(AiOutcome::Unreachable, None)).await;
    assert_eq!(sums(&ledger, 0, None).await, Sums::default());
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM ai_usage").fetch_one(&ledger.database.pool).await.unwrap();
    assert_eq!(rows, 5, "a refused call has no row");
}

#[tokio::test]
async fn a_soft_budget_lets_calls_through() {
    let folder = tempfile::tempdir().unwrap();
    let soft = [("AI__BUDGET_DAILY", "0.01"), ("AI__BUDGET_MONTHLY", "0")];
    let ledger = ledger(testing::fresh(folder.path()).await, &soft);
    for model in ["m", "m", "new"] {
        ledger.reserve(call(model, 1)).await.unwrap().settle(finished(AiOutcome::Timeout, None)).await;
    }
    assert_eq!(sums(&ledger, 0, None).await.spent, cents(2));
}

#[tokio::test]
async fn an_end_that_comes_late_takes_the_place_of_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    let priced = ("priced", Some(1_000_000), 1_000_000);
    // What was free when it was reserved stays free, whatever the answer calls it.
    for (model, expired, (pricing, cost, counted)) in
        [("m", "unknown", priced), ("f", "free", ("free", Some(0), 0)), ("new", "unpriced", priced)]
    {
        let late = ledger.reserve_at(call(model, 6), NOON).await.unwrap();
        let id = late.id.clone();
        ledger.expire_reservations_at(i64::MAX).await.unwrap();
        let (outcome, kept, ..) = row(&ledger, &id).await;
        assert_eq!((outcome.as_deref(), kept.as_str()), (Some("unknown"), expired));
        late.settle(finished(AiOutcome::Ok, Some(report("m", 1, 0)))).await;
        assert_eq!(row(&ledger, &id).await, (Some("ok".to_owned()), pricing.to_owned(), cost, counted));
    }
}

#[tokio::test]
async fn a_dropped_reservation_is_cancelled_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    let made = ledger.reserve(call("m", 1)).await.unwrap();
    // As when the response to its COMMIT is lost: the caller was told that it failed.
    let uncertain = Reservation::new(ledger.clone(), call("m", 1), Some(cents(1)), NOON);
    ledger.insert(&uncertain, &[]).await.unwrap();
    let ids = [made.id.clone(), uncertain.id.clone()];
    drop((made, uncertain));
    let expected = [("unknown", None, 10_000_000_000), ("free", Some(0), 0)];
    for (id, (pricing, cost, counted)) in ids.iter().zip(expected) {
        eventually("its end is written", PATIENCE, async || {
            let found = row(&ledger, id).await;
            let expected = (Some("cancelled".to_owned()), pricing.to_owned(), cost, counted);
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_reservation_for_no_call_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    let reservation = ledger.reserve(call("m", 1)).await.unwrap();
    let id = reservation.id.clone();
    reservation.release().await;
    assert_eq!(row(&ledger, &id).await, (Some("cancelled".to_owned()), "free".to_owned(), Some(0), 0));
}

#[tokio::test]
async fn a_call_over_midnight_is_of_the_day_it_began() {
    let folder = tempfile::tempdir().unwrap();
    // Midnight of Santiago's day without one is at 04:00 UTC.
    let hard = [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", "0.10"), ("JOBS__TIME_ZONE", "America/Santiago")];
    let ledger = ledger(testing::fresh(folder.path()).await, &hard);
    let midnight = "2026-09-06T04:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let before = ledger.reserve_at(call("m", 10), midnight - 1).await.unwrap();
    let Err(Error::BudgetExhausted { opens_at, .. }) = ledger.reserve_at(call("m", 1), midnight - 1).await else {
        panic!()
    };
    assert_eq!(opens_at, None, "the call in flight may turn out to be cheaper");
    let after = ledger.reserve_at(call("m", 10), midnight).await.unwrap();
    for reservation in [before, after] {
        reservation.settle(finished(AiOutcome::Timeout, None)).await;
    }
    let Err(Error::BudgetExhausted { opens_at, .. }) = ledger.reserve_at(call("m", 1), midnight).await else {
        panic!()
    };
    assert_eq!(opens_at, Some(midnight + 23 * HOUR), "the day has 23 hours");
    assert_eq!(sums(&ledger, midnight, None).await.spent, cents(10));
}
