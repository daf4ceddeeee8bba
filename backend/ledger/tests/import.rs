//! LiteLLM's price file as ours: exact, and with a note for all that is left out.

use belfry_ledger::import::{Imported, import_litellm};
use belfry_ledger::{PicoDollars, Prices, Query, Usage};

const FILE: &str = r#"{
  "sample_spec": {"mode": "one of: chat, embedding", "input_cost_per_token": 0.0},
  "gpt-5": {"litellm_provider": "openai", "mode": "chat", "source": "https://openai.com/api/pricing",
    "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07,
    "input_cost_per_token_flex": 6.25e-07, "output_cost_per_token_flex": 5e-06, "cache_read_input_token_cost_flex": 6.25e-08,
    "input_cost_per_token_priority": 2.5e-06, "search_context_cost_per_query": {"search_context_size_low": 0.01}},
  "claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "cache_read_input_token_cost": 3e-07, "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 7.5e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "provider_specific_entry": {"us": 1.1, "eu": 1.2}},
  "gemini/gemini-x": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 3e-07, "output_cost_per_token": "2.5e-06",
    "output_cost_per_reasoning_token": 3.5e-06, "input_cost_per_audio_token": 1e-06},
  "openrouter/openai/gpt-5": {"litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 0.00000125, "output_cost_per_token": 0.00001},
  "groq/openai/gpt-5": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
  "odd": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 1.234567890123e-12, "output_cost_per_token": 1},
  "embedder": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 1e-07, "output_cost_per_token": 0},
  "ollama/llama3": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
  "sonar": {"litellm_provider": "perplexity", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "input_cost_per_request": 0.005},
  "half-tier": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "input_cost_per_token_above_128k_tokens": 2e-06},
  "GPT-5": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
  "wild/*": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
  "text": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": "cheap", "output_cost_per_token": 1e-06},
  "no output": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 1e-06},
  "list": [1]
}"#;

fn imported() -> Imported {
    import_litellm(FILE, "2026-11-01").unwrap()
}

fn cost(
    prices: &Prices,
    model: &str,
    provider: Option<&str>,
    service_tier: Option<&str>,
    usage: &Usage,
) -> Option<PicoDollars> {
    prices.pricing(&Query { model, provider, service_tier, at: "2026-11-01T00:00:00Z".parse().unwrap() }).cost(usage)
}

#[test]
fn prices_are_taken_over_digit_by_digit() {
    let imported = imported();
    assert_eq!(imported.models, 5, "{}", imported.toml);
    let prices = Prices::parse(&imported.toml).unwrap();
    let usage = Usage { uncached_prompt: 3, cache_read: 5, visible_output: 7, reasoning: 11, ..Usage::default() };
    for (model, provider, tier, expected) in [
        ("gpt-5", None, None, Some(3 * 1_250_000 + 5 * 125_000 + 18 * 10_000_000)),
        ("gpt-5", None, Some("flex"), Some(3 * 625_000 + 5 * 62_500 + 18 * 5_000_000)),
        ("gpt-5", None, Some("priority"), None),
        ("openai/gpt-5", Some("OpenAI"), None, Some(8 * 1_250_000 + 18 * 10_000_000)),
        ("openai/gpt-5", Some("groq"), None, Some(8 * 1_000_000 + 18 * 2_000_000)),
        ("gemini-x", Some("gemini"), None, Some(8 * 300_000 + 7 * 2_500_000 + 11 * 3_500_000)),
        ("gemini-x", Some("gcp.gemini"), None, Some(8 * 300_000 + 7 * 2_500_000 + 11 * 3_500_000)),
        ("gemini-x", None, None, None),
        ("claude-x", None, Some("batch"), Some(8 * 1_500_000 + 18 * 7_500_000)),
        ("claude-x", None, Some("us"), Some(3 * 3_300_000 + 5 * 330_000 + 18 * 16_500_000)),
        ("llama3", Some("ollama"), None, Some(0)),
    ] {
        let found = cost(&prices, model, provider, tier, &usage).map(PicoDollars::get);
        assert_eq!(found, expected, "{model} {provider:?} {tier:?}");
    }
    let written = Usage { cache_write: 1, cache_write_1h: 1, ..Usage::default() };
    assert_eq!(cost(&prices, "claude-x", None, None, &written), Some(PicoDollars::new(3_750_000 + 6_000_000)));
    let long = Usage { uncached_prompt: 200_001, visible_output: 1, ..Usage::default() };
    assert_eq!(cost(&prices, "claude-x", None, None, &long), Some(PicoDollars::new(200_001 * 6_000_000 + 22_500_000)));
}

#[test]
fn the_text_is_ours() {
    let expected = r#"
[[model]]
id = "gpt-5"
names = ["gpt-5"]
source = "https://openai.com/api/pricing"
prices = [
  { from = "2026-11-01", input = "1.25", cache_read = "0.125", output = "10" },
  { from = "2026-11-01", service = "flex", input = "0.625", cache_read = "0.0625", output = "5" },
]
"#;
    let imported = imported();
    assert!(imported.toml.contains(expected), "{}", imported.toml);
    assert!(imported.toml.contains("providers = [\"groq\"]"));
    assert!(imported.toml.contains("id = \"free/ollama\""));
    assert!(!imported.toml.contains("openai/gpt-4o"), "models of the bundled file");
}

#[test]
fn what_is_left_out_has_a_note() {
    let notes = imported().notes;
    let expected = [
        "gpt-5: its priority tier is left out: no price of input and output",
        "claude-x: its factor eu is left out: no service tier is known by it",
        "odd: left out: input_cost_per_token is 1.234567890123e-12, but prices of ours have at most 12 decimals for a million tokens, and are at most 1000",
        "embedder: left out: its mode is embedding, which is not billed by text tokens alone",
        "ollama/llama3: left out: input_cost_per_token is 0, which is unknown, or free by a rule of its provider",
        "sonar: left out: it has a fee beside its tokens, input_cost_per_request",
        "half-tier: left out: it has no price of input and output for each token above 128000 tokens",
        "GPT-5: left out: gpt-5 has the same name",
        "wild/*: left out: its name has characters that our patterns give a meaning, or cannot have",
        "text: left out: input_cost_per_token is cheap, but prices of ours have at most 12 decimals for a million tokens, and are at most 1000",
        "no output: left out: it has no price of input and output for each token",
        "list: left out: list is a list, expected an object",
        "input_cost_per_audio_token: left out of 1 models: no bucket of tokens has this price",
        "search_context_cost_per_query: left out of 1 models: no bucket of tokens has this price",
    ];
    assert_eq!(notes, expected, "{notes:#?}");
}

#[test]
fn what_is_no_price_file_is_refused() {
    let refused = |json: &str, date: &str| import_litellm(json, date).unwrap_err().to_string();
    assert_eq!(refused("{}", "1 May"), "the date is `1 May`, expected a date such as 2026-11-01");
    let error = refused("[]", "2026-11-01");
    assert_eq!(error, "the file is JSON of another type, expected LiteLLM's JSON object of models");
    let empty = import_litellm("{}", "2026-11-01").unwrap();
    assert_eq!((empty.models, empty.notes.len()), (0, 0));
}
