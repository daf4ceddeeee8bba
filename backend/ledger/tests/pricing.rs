//! The price of a call: which row counts, and what a budget has to reserve.

use belfry_ledger::{PriceState, Prices, Pricing, Query, Usage};

const FILE: &str = r##"
[[free]]
id = "free/ollama"
providers = ["ollama"]
names = ["*"]
except = ["*-cloud"]
source = "s"
from = "2026-01-01"

[[model]]
id = "m/plain"
names = ["plain", "plain-####"]
source = "s"
prices = [
  { from = "2026-03-01", input = "2", cache_write = "3", output = "4" },
  { from = "2026-01-01", input = "1", cache_read = "0.1", output = "2", reasoning = "5", above = [{ prompt_tokens = 100, input = "0.5", cache_write_1h = "7", output = "9" }] },
  { from = "2026-02-01", service = "priority", input = "10", output = "20" },
]
"##;

fn query<'a>(model: &'a str, provider: Option<&'a str>, service_tier: Option<&'a str>, day: &str) -> Query<'a> {
    Query { model, provider, service_tier, at: format!("{day}T12:00:00Z").parse().unwrap() }
}

fn row(prices: &Prices, query: &Query<'_>) -> (PriceState, Option<String>) {
    let invoice = prices.pricing(query).invoice(&Usage::default());
    (invoice.state, invoice.price_id)
}

#[test]
fn the_latest_row_of_the_tier_counts() {
    let prices = Prices::parse(FILE).unwrap();
    for (model, tier, day, expected) in [
        ("plain", None, "2026-01-01", Some("m/plain@2026-01-01")),
        ("PLAIN", Some("Standard"), "2026-02-28", Some("m/plain@2026-01-01")),
        ("models/plain-2026", Some("auto"), "2026-03-01", Some("m/plain@2026-03-01")),
        ("plain", None, "2025-12-31", None),
        ("plain", Some("priority"), "2026-01-31", None),
        ("plain", Some("PRIORITY"), "2026-03-01", Some("m/plain@2026-02-01+priority")),
        ("plain", Some("flex"), "2026-03-01", None),
        ("plain-x", None, "2026-03-01", None),
        ("", None, "2026-03-01", None),
    ] {
        let state = if expected.is_some() { PriceState::Priced } else { PriceState::Unpriced };
        let found = row(&prices, &query(model, None, tier, day));
        assert_eq!(found, (state, expected.map(str::to_owned)), "{model} {tier:?} {day}");
    }
}

#[test]
fn what_is_free_is_free_by_its_provider() {
    let prices = Prices::parse(FILE).unwrap();
    let free = (PriceState::Free, Some("free/ollama".to_owned()));
    assert_eq!(row(&prices, &query("llama3.2", Some(" Ollama "), None, "2026-01-01")), free);
    assert_eq!(row(&prices, &query("plain", Some("ollama"), None, "2026-01-01")), free);
    for (model, provider, day) in [
        ("llama3.2", None, "2026-01-01"),
        ("llama3.2", Some("groq"), "2026-01-01"),
        ("llama3.2", Some("ollama"), "2025-12-31"),
        ("gpt-oss:120b-cloud", Some("ollama"), "2026-01-01"),
    ] {
        assert_eq!(
            row(&prices, &query(model, provider, None, day)),
            (PriceState::Unpriced, None),
            "{model} {provider:?} {day}"
        );
    }
    let pricing = prices.pricing(&query("x", Some("ollama"), None, "2026-01-01"));
    assert_eq!(pricing.worst_case(1000, 1000).unwrap().get(), 0);
}

#[test]
fn a_bucket_without_a_price_is_never_free() {
    let prices = Prices::parse(FILE).unwrap();
    let cost = |usage: &Usage| {
        let cost = prices.pricing(&query("plain", None, None, "2026-03-01")).cost(usage);
        cost.map(|cost| cost.get() / 1_000_000)
    };
    assert_eq!(cost(&Usage { cache_read: 10, ..Usage::default() }), Some(20));
    assert_eq!(cost(&Usage { reasoning: 10, ..Usage::default() }), Some(40));
    assert_eq!(cost(&Usage { cache_write: 10, ..Usage::default() }), Some(30));
    assert_eq!(cost(&Usage { cache_write_1h: 1, uncached_prompt: 5, ..Usage::default() }), None);
    let invoice = prices
        .pricing(&query("plain", None, None, "2026-03-01"))
        .invoice(&Usage { cache_write_1h: 1, ..Usage::default() });
    assert_eq!((invoice.state, invoice.price_id.as_deref()), (PriceState::Unpriced, Some("m/plain@2026-03-01")));
}

#[test]
fn a_reservation_is_of_the_dearest_bucket_and_tier() {
    let prices = Prices::parse(FILE).unwrap();
    let micro = |query: &Query<'_>, prompt, output| {
        prices.pricing(query).worst_case(prompt, output).map(|cost| cost.get() / 1_000_000)
    };
    let january = query("plain", None, None, "2026-01-01");
    // Input at 1 before the tier; an hour's writes at 7 within it. Reasoning at 5, output at 9 within the tier.
    assert_eq!(micro(&january, 100, 10), Some(100 + 50));
    assert_eq!(micro(&january, 101, 10), Some(707 + 90));
    assert_eq!(micro(&january, 0, 0), Some(0));
    assert_eq!(micro(&query("unknown", None, None, "2026-01-01"), 1, 1), None);
    let march = query("plain", None, None, "2026-03-01");
    assert_eq!(micro(&march, 100, 10), Some(300 + 40));
    let of_any_tier = prices.worst_case(&march, 100, 10).map(|cost| cost.get() / 1_000_000);
    assert_eq!(of_any_tier, Some(1000 + 200));
    assert_eq!(prices.worst_case(&query("plain", None, Some("flex"), "2026-03-01"), 100, 10), None);
    assert!(matches!(prices.pricing(&query("unknown", None, None, "2026-03-01")), Pricing::Unpriced));
}

#[test]
fn counts_without_bounds_do_not_overflow() {
    let prices = Prices::bundled();
    let query = query("o1-pro", None, None, "2026-11-30");
    let usage = Usage {
        uncached_prompt: u64::MAX,
        cache_read: u64::MAX,
        visible_output: u64::MAX,
        reasoning: u64::MAX,
        ..Usage::default()
    };
    // 2 * (2^64 - 1) * 150 + 2 * (2^64 - 1) * 600 dollars per million.
    let expected = i128::from(u64::MAX) * 1500 * 1_000_000;
    assert_eq!(prices.pricing(&query).cost(&usage).unwrap().get(), expected);
    assert_eq!(usage.total(), u64::MAX);
}
