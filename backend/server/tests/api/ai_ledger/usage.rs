//! `GET /api/v1/ai/usage` against the rows and the gauges.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::support::server::{Server, problem};

/// When a row was reserved, its user, model, provider, outcome, pricing, cost and what is counted.
type Row = (
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
    Option<i64>,
    i64,
);

const DOLLAR: i64 = 1_000_000_000_000;

/// Of two days of Berlin, of which the second has 25 hours; the last one is in flight.
const ROWS: [Row; 6] = [
    ("2026-10-24T21:59:59.999999Z", Some("ann"), "gpt-5", Some("openai"), Some("ok"), "priced", Some(1), 1),
    ("2026-10-24T22:00:00Z", Some("ann"), "gpt-5", Some("openai"), Some("ok"), "priced", Some(9 * DOLLAR), 9 * DOLLAR),
    (
        "2026-10-25T22:59:59Z",
        Some("bob"),
        "=cmd|' /C calc'!A0",
        Some("openai"),
        Some("timeout"),
        "unknown",
        None,
        DOLLAR / 2,
    ),
    ("2026-10-25T12:00:00Z", None, "llama", None, Some("server_error"), "free", Some(0), 0),
    ("2026-10-25T12:00:00Z", None, "new", Some("x"), Some("ok"), "unpriced", None, 0),
    ("2026-10-25T12:00:00Z", None, "gpt-5", None, None, "priced", None, 7 * DOLLAR),
];

async fn server_with_rows(variables: &[(&str, &str)]) -> Server {
    let server = Server::start_with(variables).await;
    for (number, row) in ROWS.iter().enumerate() {
        insert(&server, number, row).await;
    }
    server
}

async fn insert(server: &Server, number: usize, row: &Row) {
    let (reserved_at, user, model, provider, outcome, pricing, cost, counted) = row;
    let created_at = micros(reserved_at);
    sqlx::query(
        "INSERT INTO ai_usage (id, created_at, expires_at, user_id, operation, model, provider, outcome, pricing, worst_case_pico, \
         cost_pico, counted_pico, uncached_prompt_tokens, total_tokens) \
         VALUES ($1, $2, $3, $4, 'explain_run', $5, $6, $7, $8, 0, $9, $10, 5, 6)",
    )
    .bind(format!("row {number}"))
    .bind(created_at)
    .bind(i64::MAX)
    .bind(*user)
    .bind(*model)
    .bind(*provider)
    .bind(*outcome)
    .bind(*pricing)
    .bind(*cost)
    .bind(*counted)
    .execute(&server.database().await)
    .await
    .unwrap();
}

fn micros(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

const RANGE: &str = "from=2026-10-01&to=2026-11-01";

async fn usage(server: &Server, query: &str) -> Value {
    server.json(&format!("/api/v1/ai/usage?{RANGE}&{query}")).await
}

/// Key, calls, and cost in pico-dollars of each group.
fn groups(usage: &Value) -> Vec<(Option<String>, i64, String)> {
    let items = usage["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    items
        .map(|item| (text(&item["key"]), item["calls"].as_i64().unwrap(), text(&item["cost"]["pico_dollars"]).unwrap()))
        .collect()
}

#[tokio::test]
async fn groups_and_totals_are_those_of_the_rows() {
    let server = server_with_rows(&[("JOBS__TIME_ZONE", "Europe/Berlin")]).await;
    let group = |key: Option<&str>, calls, cost: i64| (key.map(str::to_owned), calls, cost.to_string());
    let days = usage(&server, "").await;
    assert_eq!(groups(&days), [group(Some("2026-10-24"), 1, 1), group(Some("2026-10-25"), 4, 9 * DOLLAR)]);
    assert_eq!((&days["time_zone"], &days["group_by"]), (&json!("Europe/Berlin"), &json!("day")));
    let expected = json!({
        "calls": 5,
        "failed_calls": 2,
        "unpriced_calls": 1,
        "unknown_cost_calls": 1,
        "tokens": {
            "uncached_prompt": 25, "cache_read": 0, "cache_write": 0, "visible_output": 0, "reasoning": 0, "total": 30
        },
        "cost": {"dollars": "9.000000000001", "pico_dollars": "9000000000001"},
        "counted": {"dollars": "9.500000000001", "pico_dollars": "9500000000001"},
    });
    for group_by in ["day", "operation", "model", "provider", "user"] {
        assert_eq!(usage(&server, &format!("group_by={group_by}")).await["totals"], expected, "{group_by}");
    }
    let users = groups(&usage(&server, "group_by=user").await);
    assert_eq!(users, [group(None, 2, 0), group(Some("ann"), 2, 9 * DOLLAR + 1), group(Some("bob"), 1, 0)]);
    let providers = groups(&usage(&server, "group_by=provider").await);
    assert_eq!(providers, [group(None, 1, 0), group(Some("openai"), 3, 9 * DOLLAR + 1), group(Some("x"), 1, 0)]);
    // A page at a time, with the totals of all.
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = usage(&server, &format!("group_by=user&limit=1{cursor}")).await;
        assert_eq!(page["totals"], expected);
        found.extend(groups(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, users);
    let nothing = server.json("/api/v1/ai/usage?from=2026-09-01&to=2026-09-02").await;
    assert_eq!((&nothing["items"], &nothing["totals"]["calls"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn the_table_is_exact_and_holds_no_formula() {
    let server = server_with_rows(&[]).await;
    let path = format!("/api/v1/ai/usage?{RANGE}&group_by=model&limit=1");
    let by_format = server.get(&format!("{path}&format=csv")).await;
    assert_eq!(by_format.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(by_format.headers()["content-disposition"], "attachment; filename=\"ai-usage.csv\"");
    let text = by_format.text().await.unwrap();
    let accepted =
        server.client.get(format!("{}{path}", server.url)).header("accept", "text/csv").send().await.unwrap();
    assert_eq!(accepted.text().await.unwrap(), text);
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines[0].starts_with("model,calls,failed_calls,unpriced_calls,unknown_cost_calls,uncached_prompt_tokens,"));
    let expected = [
        "'=cmd|' /C calc'!A0,1,1,0,1,5,0,0,0,0,6,0,0,0.5,500000000000",
        "gpt-5,2,0,0,0,10,0,0,0,0,12,9.000000000001,9000000000001,9.000000000001,9000000000001",
        "llama,1,1,0,0,5,0,0,0,0,6,0,0,0,0",
        "new,1,0,1,0,5,0,0,0,0,6,0,0,0,0",
        "",
    ];
    assert_eq!(lines[1..], expected, "all groups, whatever the limit");
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused() {
    let server = Server::start().await;
    for (query, code) in [
        ("group_by=secrets", "invalid_query"),
        ("format=xml", "invalid_query"),
        ("limit=0", "invalid_limit"),
        ("limit=201", "invalid_limit"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=", "invalid_cursor"),
        ("from=%00", "invalid_query"),
        ("from=2026-01-01&to=2025-01-01", "invalid_query"),
        ("from=1970-01-01", "invalid_query"),
        ("from=9999-99-99", "invalid_query"),
        ("from=2026-01-01'%20OR%20''='", "invalid_query"),
        ("to=99999999999999999999", "invalid_query"),
        ("user=ann", "invalid_query"),
    ] {
        problem(server.get(&format!("/api/v1/ai/usage?{query}")).await, StatusCode::BAD_REQUEST, code).await;
    }
    // A cursor is a key, and no key has this.
    let usage = server.json("/api/v1/ai/usage?group_by=user&cursor=%3D%00%27").await;
    assert_eq!(usage["items"], json!([]));
}

#[tokio::test]
async fn budgets_are_the_same_in_the_answer_and_the_gauges() {
    let server = Server::start_with(&[
        ("AI__BUDGET_MONTHLY", "10"),
        ("AI__BUDGET_USER_DAILY", "0.5"),
        ("AI__BUDGET_MODE", "hard"),
    ])
    .await;
    let now = jiff::Timestamp::now().to_string();
    let now: &'static str = now.leak();
    insert(&server, 0, &(now, None, "m", None, Some("ok"), "priced", Some(DOLLAR / 4), DOLLAR / 4)).await;
    insert(&server, 1, &(now, None, "m", None, Some("timeout"), "unknown", None, DOLLAR / 2)).await;
    insert(&server, 2, &(now, None, "m", None, None, "priced", None, DOLLAR)).await;
    let gauge = |period: &str, kind: &str| format!(r#"belfry_ai_budget_dollars{{period="{period}",kind="{kind}"}}"#);
    for (kind, expected) in [("limit", 10.0), ("spent", 0.75), ("reserved", 1.0), ("remaining", 8.25)] {
        server.await_metric(&gauge("monthly", kind), expected).await;
    }
    server.await_metric(&gauge("daily", "spent"), 0.75).await;
    assert_eq!(server.metric(&gauge("daily", "limit")).await, None);
    assert!(server.metric(&gauge("monthly", "projected")).await.unwrap() >= 1.75);
    let budget = &server.json("/api/v1/ai/usage").await["budget"];
    let [daily, monthly] = [0, 1].map(|index| budget["periods"][index].clone());
    let dollars = |period: &Value, kind: &str| period[kind]["dollars"].as_str().map(str::to_owned);
    let amounts = ["limit", "spent", "reserved", "remaining"].map(|kind| dollars(&monthly, kind).unwrap());
    assert_eq!(amounts, ["10", "0.75", "1", "8.25"]);
    assert_eq!(
        (&daily["limit"], &daily["remaining"], dollars(&daily, "spent")),
        (&Value::Null, &Value::Null, Some("0.75".to_owned()))
    );
    assert_eq!(
        (&daily["period"], &monthly["period"], &budget["mode"]),
        (&json!("daily"), &json!("monthly"), &json!("hard"))
    );
    let of_users = json!([{"name": "user_daily", "limit": {"dollars": "0.5", "pico_dollars": "500000000000"}}]);
    assert_eq!(budget["of_each_user"], of_users);
}
