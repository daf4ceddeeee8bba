//! Price files: what is wrong with one is named by row, with what was found and what is expected.

use belfry_ledger::Prices;

const ROW: &str = r#"{ from = "2026-01-01", input = "1", output = "2" }"#;

/// A file with one model, whose prices these are.
fn one(prices: &str) -> String {
    format!("[[model]]\nid = \"a/b\"\nnames = [\"b\"]\nsource = \"s\"\nprices = [{prices}]\n")
}

/// A model with these names and the rest of its keys.
fn model(id: &str, names: &str, rest: &str) -> String {
    format!("[[model]]\nid = \"{id}\"\nnames = [{names}]\nsource = \"s\"\n{rest}\nprices = [{ROW}]\n")
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = Prices::parse(text).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, expected);
}

#[test]
fn the_bundled_file_is_valid() {
    let text = Prices::bundled_text();
    Prices::parse(text).unwrap();
    assert!(text.matches("[[model]]").count() > 60);
}

#[test]
fn keys_that_are_unknown_or_missing_are_named() {
    refused("[[models]]\nid = \"a\"\n", "the file: the key `models`, expected one of free, model");
    refused(
        &one(r#"{ from = "2026-01-01", inputs = "1", output = "2" }"#),
        "model `a/b`, price 1: the key `inputs`, expected one of from, service, input, cache_read, cache_write, cache_write_1h, output, reasoning, above",
    );
    refused(
        &one(r#"{ from = "2026-01-01", input = "1" }"#),
        "model `a/b`, price 1: `output` is missing, expected a price",
    );
    refused(&one(""), "model `a/b`: `prices` is missing or empty, expected a list of tables");
    refused("[[model]]\nnames = [\"b\"]\n", "model 1: `source` is missing, expected a text in quotes");
    refused("", "the file: no row, expected [[model]] or [[free]]");
}

#[test]
fn prices_are_positive_decimal_text() {
    let price = |value: &str| one(&format!("{{ from = \"2026-01-01\", input = {value}, output = \"2\" }}"));
    let expected = "dollars for a million tokens as decimal text, such as \"1.25\", above 0, at most 1000, with at most 12 decimals";
    for value in ["\"-1\"", "\"1,25\"", "\"1e3\"", "\"1000.000000000001\"", "\"0.0000000000001\"", "\"\"", "\"NaN\""] {
        refused(
            &price(value),
            &format!("model `a/b`, price 1: `input` is `{}`, expected {expected}", value.trim_matches('"')),
        );
    }
    refused(&price("1.25"), &format!("model `a/b`, price 1: `input` is `1.25`, expected {expected}"));
    refused(
        &price("\"0.0\""),
        &format!("model `a/b`, price 1: `input` is `0.0`, expected {expected}; what is free has a rule in [[free]]"),
    );
    for value in ["\"1000\"", "\"0.000000000001\"", "\"007.50\""] {
        Prices::parse(&price(value)).unwrap();
    }
}

#[test]
fn dates_are_days_in_quotes() {
    let from = |value: &str| one(&format!("{{ from = {value}, input = \"1\", output = \"2\" }}"));
    let expected = "expected a date such as \"2026-11-01\", in quotes";
    refused(&from("\"2026-02-30\""), &format!("model `a/b`, price 1: `from` is `2026-02-30`, {expected}"));
    refused(&from("\"20260201\""), &format!("model `a/b`, price 1: `from` is `20260201`, {expected}"));
    refused(&from("2026-02-01"), &format!("model `a/b`, price 1: `from` is `2026-02-01`, {expected}"));
}

#[test]
fn tiers_ascend() {
    let tiers = |first: &str, second: &str| {
        one(&format!(
            r#"{{ from = "2026-01-01", input = "1", output = "2", above = [{{ prompt_tokens = {first}, input = "1", output = "2" }}, {{ prompt_tokens = {second}, input = "1", output = "2" }}] }}"#
        ))
    };
    let place = "model `a/b`, price 1, above 2: `prompt_tokens` is";
    refused(&tiers("200", "100"), &format!("{place} 100, expected more than 200, which the tier before it has"));
    refused(&tiers("200", "200"), &format!("{place} 200, expected more than 200, which the tier before it has"));
    refused(&tiers("200", "0"), &format!("{place} `0`, expected a whole number above 0"));
    refused(&tiers("200", "\"300\""), &format!("{place} `\"300\"`, expected a whole number above 0"));
    Prices::parse(&tiers("200", "201")).unwrap();
}

#[test]
fn a_date_and_a_service_tier_have_one_price() {
    let second = r#"{ from = "2026-01-01", service = "default", input = "3", output = "4" }"#;
    refused(
        &one(&format!("{ROW}, {second}")),
        "model `a/b`, price 2: a second price from 2026-01-01 for the standard tier, expected one for each date and service tier",
    );
    refused(
        &one(r#"{ from = "2026-01-01", service = "Flex!", input = "3", output = "4" }"#),
        "model `a/b`, price 1: `service` is `Flex!`, expected 1 to 40 of a to z, 0 to 9 and _+-",
    );
    Prices::parse(&one(&format!("{ROW}, {}", second.replace("default", "flex")))).unwrap();
}

#[test]
fn a_model_is_in_one_row() {
    let file = |left: &str, right: &str| format!("{}{}", model("a/1", left, ""), model("a/2", right, ""));
    let overlap = |name: &str| {
        format!("model `a/2`: the name `{name}`, which `a/1` has or can match too, expected each model in one row")
    };
    refused(&file("\"b\"", "\"B\""), &overlap("b"));
    refused(&file("\"b-*\"", "\"b-mini\""), &overlap("b-mini"));
    refused(&file("\"b-mini\"", "\"b-*\""), &overlap("b-*"));
    refused(&file("\"b-####\"", "\"b-20*\""), &overlap("b-20*"));
    Prices::parse(&file("\"b-####\"", "\"b-mini\"")).unwrap();
    refused(
        &format!("{}{}", model("a/1", "\"b\"", ""), model("a/1", "\"c\"", "")),
        "model `a/1`: an id that another row has, expected an id of its own",
    );
    refused(
        &model("a/1", "\"b\", \"b\"", ""),
        "model `a/1`: the name `b`, which `a/1` has or can match too, expected each model in one row",
    );
}

#[test]
fn a_provider_may_have_a_row_of_its_own() {
    let file = |left: &str, right: &str| format!("{}{}", model("a/1", "\"b\"", left), model("a/2", "\"b\"", right));
    Prices::parse(&file("", "providers = [\"groq\"]")).unwrap();
    Prices::parse(&file("providers = [\"azure\"]", "providers = [\"groq\"]")).unwrap();
    refused(
        &file("providers = [\"azure\", \"groq\"]", "providers = [\"Groq\"]"),
        "model `a/2`: the name `b` of provider `groq`, which `a/1` has or can match too, expected each model in one row",
    );
}

#[test]
fn names_are_patterns_of_one_kind() {
    let named = |name: &str| model("a/1", name, "");
    refused(
        &named("\"gpt-[45]\""),
        "model `a/1`: the name `gpt-[45]` with a character of another kind of pattern, expected `*` for any text and `#` for a digit",
    );
    refused(&named("\"a**\""), "model `a/1`: the name `a**` with `**`, expected a single `*` for any text");
    refused(
        &named("\"a b\""),
        "model `a/1`: the name `a b` with a space or a control character, expected a name without them",
    );
    refused(&named(""), "model `a/1`: `names` is an empty list, expected a list of texts in quotes");
    refused(&named("7"), "model `a/1`: `names` is a list with other items, expected a list of texts in quotes");
    refused(&model("A 1", "\"b\"", ""), "model `A 1`: `id` is `A 1`, expected 1 to 100 of a to z, 0 to 9 and ._:/-");
}

#[test]
fn rules_of_what_is_free_are_checked_too() {
    let rule = |rest: &str| format!("[[free]]\nid = \"free/x\"\nnames = [\"*\"]\nsource = \"s\"\n{rest}\n");
    Prices::parse(&rule("from = \"2026-01-01\"\nexcept = [\"*-cloud\"]")).unwrap();
    refused(&rule(""), "free `free/x`: `from` is missing, expected a date such as \"2026-11-01\", in quotes");
    refused(
        &rule("from = \"2026-01-01\"\nprices = []"),
        "free `free/x`: the key `prices`, expected one of id, names, except, providers, source, from",
    );
    refused(
        &format!("{}{}", rule("from = \"2026-01-01\""), model("a/1", "\"b\"", "")),
        "model `a/1`: the name `b`, which `free/x` has or can match too, expected each model in one row",
    );
}

#[test]
fn text_that_is_not_toml_is_named_by_line() {
    let error = Prices::parse("# Prices\n\n[[model]]\nid = \n").unwrap_err();
    assert_eq!((error.place.as_str(), error.expected.as_str()), ("line 4", "TOML"));
    let error = Prices::parse("[[model]]\nid = \"a\"\nid = \"b\"\n").unwrap_err();
    assert_eq!((error.place.as_str(), error.expected.as_str()), ("line 3", "TOML"));
}
