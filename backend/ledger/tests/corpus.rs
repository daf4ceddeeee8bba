//! Usage payloads of all providers, each with an invoice that was computed apart from the code, in exact fractions: `corpus/*.json`.
//!
//! A case has a response, or the text of one; who is asked and when; and what is expected: the shape, the tokens of each
//! bucket, the state, the pico-dollars, the row, and what else the response says; or the error. `working` is the arithmetic.

use std::collections::BTreeMap;
use std::path::Path;

use belfry_ledger::{
    PicoDollars, PriceState, Prices, Query, Report, Usage, UsageError, read_response, read_response_as,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// When a call took place that does not say.
const AT: &str = "2026-11-30T12:00:00Z";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    response: Option<Box<RawValue>>,
    text: Option<String>,
    at: Option<String>,
    provider: Option<String>,
    /// `synthetic` for the prices in the corpus; the bundled file otherwise.
    prices: Option<String>,
    working: Option<String>,
    expected: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    error: Option<ExpectedError>,
    shape: Option<String>,
    usage: Option<BTreeMap<String, u64>>,
    total: Option<u64>,
    state: Option<String>,
    pico_dollars: Option<String>,
    price_id: Option<String>,
    provider_cost: Option<String>,
    upstream_cost: Option<String>,
    service_tier: Option<String>,
    provider: Option<String>,
    generation_id: Option<String>,
}

#[derive(Deserialize)]
struct ExpectedError {
    field: Option<String>,
    found: String,
}

impl Case {
    fn body(&self) -> &str {
        self.response.as_deref().map_or_else(|| self.text.as_deref().unwrap(), RawValue::get)
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"))
}

fn cases() -> Vec<(String, Case)> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let cases: Vec<Case> =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            all.extend(cases.into_iter().map(|case| (format!("{file}: {}", case.name), case)));
        }
    }
    all
}

fn as_map(usage: &Usage) -> BTreeMap<String, u64> {
    let Usage { uncached_prompt, cache_read, cache_write, cache_write_1h, visible_output, reasoning } = *usage;
    let all = [
        ("uncached_prompt", uncached_prompt),
        ("cache_read", cache_read),
        ("cache_write", cache_write),
        ("cache_write_1h", cache_write_1h),
        ("visible_output", visible_output),
        ("reasoning", reasoning),
    ];
    all.into_iter().filter(|(_, tokens)| *tokens > 0).map(|(bucket, tokens)| (bucket.to_owned(), tokens)).collect()
}

/// What differs from what is expected.
fn check(case: &Case, prices: &Prices) -> Vec<String> {
    let expected = &case.expected;
    match (read_response(case.body().as_bytes()), &expected.error) {
        (Err(error), Some(expected)) => check_error(&error, expected),
        (Err(error), None) => vec![format!("error: {error}")],
        (Ok(report), Some(expected)) => vec![format!("no error of {:?}, but {:?}", expected.field, report.usage)],
        (Ok(report), None) => check_report(case, &report, prices),
    }
}

fn check_error(error: &UsageError, expected: &ExpectedError) -> Vec<String> {
    let found = match error {
        UsageError::NotAnObject { found } | UsageError::Field { found, .. } | UsageError::NotText { found, .. } => {
            found
        }
    };
    let mut wrong = Vec::new();
    if error.field() != expected.field.as_deref() || *found != expected.found {
        wrong.push(format!("error: {error}"));
    }
    if !error.to_string().contains(", expected ") {
        wrong.push(format!("an error that does not say what is expected: {error}"));
    }
    wrong
}

fn check_report(case: &Case, report: &Report, prices: &Prices) -> Vec<String> {
    let expected = &case.expected;
    let mut wrong = Vec::new();
    let mut compare = |what: &str, found: Option<&str>, expected: Option<&str>| {
        if found != expected {
            wrong.push(format!("{what}: {found:?}, expected {expected:?}"));
        }
    };
    compare("shape", Some(report.shape.name()), expected.shape.as_deref());
    compare(
        "provider cost",
        report.provider_cost.as_ref().map(|cost| cost.as_str()),
        expected.provider_cost.as_deref(),
    );
    compare(
        "upstream cost",
        report.upstream_cost.as_ref().map(|cost| cost.as_str()),
        expected.upstream_cost.as_deref(),
    );
    compare("service tier", report.service_tier.as_deref(), expected.service_tier.as_deref());
    for (what, found, expected) in [
        ("provider", &report.provider, &expected.provider),
        ("generation id", &report.generation_id, &expected.generation_id),
    ] {
        if expected.is_some() {
            compare(what, found.as_deref(), expected.as_deref());
        }
    }
    let again = read_response_as(report.shape, case.body().as_bytes());
    if again.as_ref() != Ok(report) {
        wrong.push(format!("read otherwise when the shape is given: {again:?}"));
    }
    wrong.extend(check_invoice(case, report, prices));
    wrong
}

fn check_invoice(case: &Case, report: &Report, prices: &Prices) -> Vec<String> {
    let expected = &case.expected;
    let Some(usage) = &report.usage else {
        return if expected.usage.is_none() { Vec::new() } else { vec!["no usage".to_owned()] };
    };
    let at: Timestamp = case.at.as_deref().unwrap_or(AT).parse().unwrap();
    let provider = report.provider.as_deref().or(case.provider.as_deref());
    let model = report.model.as_deref().unwrap_or_default();
    let query = Query { model, provider, service_tier: report.service_tier.as_deref(), at };
    let pricing = prices.pricing(&query);
    let invoice = pricing.invoice(usage);
    let mut wrong = Vec::new();
    if Some(as_map(usage)) != expected.usage || Some(usage.total()) != expected.total {
        wrong.push(format!("usage: {usage:?}"));
    }
    if Some(invoice.state.name()) != expected.state.as_deref() {
        wrong.push(format!("state: {:?}", invoice.state));
    }
    if invoice.cost.map(|cost| cost.get().to_string()) != expected.pico_dollars {
        wrong.push(format!(
            "cost: {:?} pico-dollars, expected {:?}",
            invoice.cost.map(PicoDollars::get),
            expected.pico_dollars
        ));
    }
    // A row that lacks the price of a bucket is named too, so that the file can be mended.
    if invoice.price_id != expected.price_id {
        wrong.push(format!("row: {:?}, expected {:?}", invoice.price_id, expected.price_id));
    }
    if invoice.cost.is_none() != (invoice.state == PriceState::Unpriced) {
        wrong.push("a cost that does not go with the state".to_owned());
    }
    if let Some(cost) = invoice.cost {
        let bound = pricing.worst_case(usage.prompt(), usage.output()).unwrap();
        if bound < cost || cost.to_i64().is_none() {
            wrong.push(format!("worst case {bound}, cost {cost}"));
        }
    }
    if expected.state.as_deref() == Some("priced") && case.working.is_none() {
        wrong.push("no arithmetic".to_owned());
    }
    wrong
}

#[test]
fn every_invoice_of_the_corpus_reconciles() {
    let bundled = Prices::bundled();
    let synthetic = Prices::parse(&std::fs::read_to_string(folder().join("prices.toml")).unwrap()).unwrap();
    let mut failures = Vec::new();
    let mut shapes = std::collections::BTreeSet::new();
    let all = cases();
    for (name, case) in &all {
        let prices = if case.prices.as_deref() == Some("synthetic") { &synthetic } else { &bundled };
        failures.extend(check(case, prices).into_iter().map(|wrong| format!("{name}: {wrong}")));
        shapes.extend(case.expected.shape.clone());
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), all.len(), failures.join("\n"));
    assert!(all.len() >= 60, "{} cases, expected at least 60", all.len());
    let unseen: Vec<&str> =
        belfry_ledger::Shape::ALL.iter().map(|shape| shape.name()).filter(|name| !shapes.contains(*name)).collect();
    assert!(unseen.is_empty(), "no case of {unseen:?}");
}
