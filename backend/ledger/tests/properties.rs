//! What holds for all responses, usages and price files.

use belfry_ledger::import::import_litellm;
use belfry_ledger::{DecimalText, PicoDollars, Prices, Pricing, Query, Shape, Usage, read_response, read_response_as};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Counts up to a million million, of which many are small.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..20, 0_u64..2_000, 0_u64..1_000_000_000_000]
}

fn usage() -> impl Strategy<Value = Usage> {
    (count(), count(), count(), count(), count(), count()).prop_map(
        |(uncached_prompt, cache_read, cache_write, cache_write_1h, visible_output, reasoning)| Usage {
            uncached_prompt,
            cache_read,
            cache_write,
            cache_write_1h,
            visible_output,
            reasoning,
        },
    )
}

/// A price in units of 10^-12 dollars for a million tokens, and its text.
fn price() -> impl Strategy<Value = (u128, String)> {
    prop_oneof![1_u128..3_000_000, 1_u128..1_000_000_000_000_000]
        .prop_map(|units| (units, format!("{}.{:012}", units / 1_000_000_000_000, units % 1_000_000_000_000)))
}

/// The six prices of a tier, of which some are left out.
type Tier = ((u128, String), [Option<(u128, String)>; 4], (u128, String));

fn tier() -> impl Strategy<Value = Tier> {
    let optional = || proptest::option::of(price());
    (price(), [optional(), optional(), optional(), optional()], price())
}

fn keys(((_, input), optional, (_, output)): &Tier) -> String {
    let names = ["cache_read", "cache_write", "cache_write_1h", "reasoning"];
    let given =
        names.iter().zip(optional).filter_map(|(name, price)| Some(format!(", {name} = \"{}\"", price.as_ref()?.1)));
    format!("input = \"{input}\", output = \"{output}\"{}", given.collect::<String>())
}

/// The cost of a usage in units of 10^-18 dollars, by the rules that the documentation states.
fn units(((input, _), optional, (output, _)): &Tier, usage: &Usage) -> Option<u128> {
    let [cache_read, cache_write, cache_write_1h, reasoning] =
        optional.each_ref().map(|price| price.as_ref().map(|(units, _)| *units));
    let by_bucket = [
        (usage.uncached_prompt, Some(*input)),
        (usage.cache_read, cache_read.or(Some(*input))),
        (usage.cache_write, cache_write),
        (usage.cache_write_1h, cache_write_1h),
        (usage.visible_output, Some(*output)),
        (usage.reasoning, reasoning.or(Some(*output))),
    ];
    by_bucket
        .into_iter()
        .filter(|(tokens, _)| *tokens > 0)
        .map(|(tokens, price)| Some(u128::from(tokens) * price?))
        .sum()
}

fn half_even(units: u128) -> i128 {
    let (whole, rest) = (units / 1_000_000, units % 1_000_000);
    let up = rest > 500_000 || (rest == 500_000 && whole % 2 == 1);
    i128::try_from(whole).unwrap() + i128::from(up)
}

/// A file in which one model has a base, a tier above 1000 tokens, a later price, and a flex tier.
fn file(tiers: &[Tier; 4]) -> Prices {
    let [base, above, later, flex] = tiers.each_ref().map(keys);
    let rows = format!(
        "{{ from = \"2026-01-01\", {base}, above = [{{ prompt_tokens = 1000, {above} }}] }}, {{ from = \"2026-02-01\", {later} }}, {{ from = \"2026-01-01\", service = \"flex\", {flex} }}"
    );
    Prices::parse(&format!("[[model]]\nid = \"m\"\nnames = [\"m\"]\nsource = \"s\"\nprices = [{rows}]\n")).unwrap()
}

fn pricing<'a>(prices: &'a Prices, service_tier: Option<&str>, later: bool) -> Pricing<'a> {
    let at: Timestamp = if later { "2026-02-01T00:00:00Z" } else { "2026-01-31T23:59:59Z" }.parse().unwrap();
    prices.pricing(&Query { model: "m", provider: None, service_tier, at })
}

/// One of all JSON texts that a hostile provider could send: the keys of all shapes, and values of all types.
fn hostile() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        (0_u32..50).prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number))
    ];
    let leaf = prop_oneof![
        4 => number,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(|value| json!(value)),
        1 => "[-0-9.eE+ ]{0,24}".prop_map(|text| json!(text)),
        1 => any::<String>().prop_map(|text| json!(text)),
        1 => proptest::sample::select(vec!["response", "message", "message_start", "fp_ollama", "gemini-x", "gen-1", "AUDIO", "flex"]).prop_map(|text| json!(text)),
    ];
    let key = proptest::sample::select(vec![
        "usage",
        "usageMetadata",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "audio_tokens",
        "input_tokens",
        "output_tokens",
        "cache_creation",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "ephemeral_5m_input_tokens",
        "ephemeral_1h_input_tokens",
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
        "cachedContentTokenCount",
        "promptTokensDetails",
        "modality",
        "tokenCount",
        "prompt_eval_count",
        "eval_count",
        "cost",
        "cost_details",
        "total_cost",
        "model",
        "provider",
        "id",
        "type",
        "object",
        "message",
        "response",
        "service_tier",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            6 => proptest::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_cost_is_the_exact_sum_rounded_once(tiers in [tier(), tier(), tier(), tier()], usage in usage()) {
        let prices = file(&tiers);
        let in_january = if usage.prompt() > 1000 { &tiers[1] } else { &tiers[0] };
        for (tier, service, later) in [(in_january, None, false), (&tiers[2], None, true), (&tiers[3], Some("flex"), true)] {
            let found = pricing(&prices, service, later).cost(&usage).map(PicoDollars::get);
            prop_assert_eq!(found, units(tier, &usage).map(half_even));
        }
    }

    #[test]
    fn rows_sum_to_totals(tiers in [tier(), tier(), tier(), tier()], calls in proptest::collection::vec((usage(), any::<bool>(), any::<bool>()), 0..40)) {
        let prices = file(&tiers);
        let rows: Vec<Option<PicoDollars>> = calls
            .iter()
            .map(|(usage, flex, later)| pricing(&prices, flex.then_some("flex"), *later).cost(usage))
            .collect();
        let total: PicoDollars = rows.iter().flatten().copied().sum();
        let by_hand: i128 = rows.iter().flatten().map(|cost| cost.get()).sum();
        prop_assert_eq!(total.get(), by_hand);
        // What is shown sums to what is shown of the total, without a digit lost.
        let shown: i128 = rows.iter().flatten().map(|cost| DecimalText::new(&cost.to_string()).unwrap().to_pico_dollars().unwrap().get()).sum();
        prop_assert_eq!(DecimalText::new(&total.to_string()).unwrap().to_pico_dollars().unwrap().get(), shown);
    }

    #[test]
    fn no_usage_within_its_bounds_costs_more_than_reserved(
        tiers in [tier(), tier(), tier(), tier()],
        usage in usage(),
        spare in (count(), count()),
        later in any::<bool>(),
    ) {
        let prices = file(&tiers);
        let (prompt, output) = (usage.prompt() + spare.0, usage.output() + spare.1);
        for service in [None, Some("flex")] {
            let pricing = pricing(&prices, service, later);
            let reserved = pricing.worst_case(prompt, output).unwrap();
            prop_assert!(pricing.cost(&usage).is_none_or(|cost| cost <= reserved));
            let at = if later { "2026-02-01T00:00:00Z" } else { "2026-01-01T00:00:00Z" }.parse().unwrap();
            let of_all = prices.worst_case(&Query { model: "m", provider: None, service_tier: service, at }, prompt, output).unwrap();
            prop_assert!(reserved <= of_all);
        }
    }

    #[test]
    fn openai_counts_sum_to_the_total(parts in [0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000]) {
        let [uncached, read, write, visible, reasoning] = parts;
        let (prompt, completion) = (uncached + read + write, visible + reasoning);
        let body = json!({"object": "chat.completion", "usage": {
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
            "completion_tokens_details": {"reasoning_tokens": reasoning}}});
        let usage = read_response(body.to_string().as_bytes()).unwrap().usage.unwrap();
        let expected = Usage { uncached_prompt: uncached, cache_read: read, cache_write: write, cache_write_1h: 0, visible_output: visible, reasoning };
        prop_assert_eq!(usage, expected);
        prop_assert_eq!(usage.total(), prompt + completion);
    }

    #[test]
    fn anthropic_counts_sum_to_the_total(parts in [0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000]) {
        let [input, read, short, hour, output] = parts;
        let body = json!({"type": "message", "usage": {
            "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read, "cache_creation_input_tokens": short + hour,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": hour}}});
        let usage = read_response(body.to_string().as_bytes()).unwrap().usage.unwrap();
        prop_assert_eq!(usage.prompt(), input + read + short + hour);
        prop_assert_eq!((usage.cache_write, usage.cache_write_1h), (short, hour));
        prop_assert_eq!(usage.total(), parts.iter().sum::<u64>());
    }

    #[test]
    fn gemini_counts_sum_to_the_total(parts in [0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000, 0_u64..1000]) {
        let [uncached, cached, tools, candidates, thoughts] = parts;
        let total: u64 = parts.iter().sum();
        let body = json!({"usageMetadata": {
            "promptTokenCount": uncached + cached, "cachedContentTokenCount": cached, "toolUsePromptTokenCount": tools,
            "candidatesTokenCount": candidates, "thoughtsTokenCount": thoughts, "totalTokenCount": total}});
        let usage = read_response(body.to_string().as_bytes()).unwrap().usage.unwrap();
        prop_assert_eq!(usage.total(), total);
        prop_assert_eq!((usage.uncached_prompt, usage.reasoning), (uncached + tools, thoughts));
    }

    #[test]
    fn no_json_makes_reading_panic(body in hostile()) {
        let body = body.to_string();
        let _ = read_response(body.as_bytes());
        for shape in Shape::ALL {
            if let Ok(report) = read_response_as(shape, body.as_bytes()) {
                if let Some(usage) = report.usage {
                    prop_assert!(usage.total() <= 8 * belfry_ledger::MAX_TOKENS);
                }
                prop_assert!(report.provider_cost.is_none_or(|cost| cost.to_pico_dollars().is_some_and(|cost| cost >= PicoDollars::ZERO)));
            }
        }
        let _ = import_litellm(&body, "2026-01-01");
    }

    #[test]
    fn no_bytes_make_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        let _ = read_response(&body);
        let _ = Prices::parse(&text);
        let _ = import_litellm(&text, &text);
        let _ = DecimalText::new(&text);
    }

    #[test]
    fn decimal_text_is_the_number_that_was_written(whole in any::<u32>(), part in 0_u64..1_000_000_000_000, exponent in -6_i32..6) {
        let text = DecimalText::new(&format!("{whole}.{part:012}e{exponent}")).unwrap();
        let units = (u128::from(whole) * 1_000_000_000_000 + u128::from(part)) * 1_000_000;
        // Units of 10^-18 dollars, shifted by the exponent.
        let shifted = if exponent >= 0 { units * 10_u128.pow(exponent.unsigned_abs()) } else { units / 10_u128.pow(exponent.unsigned_abs()) };
        prop_assert_eq!(text.to_pico_dollars().unwrap().get(), half_even(shifted));
    }
}
