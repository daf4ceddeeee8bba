//! LiteLLM's public file of prices, `model_prices_and_context_window.json`.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::keys::{Bucket, Place, place};
use super::toml_text::{self, PriceTexts};
use super::{ImportError, Imported};
use crate::decimal::Decimal;
use crate::error::UsageError;
use crate::excerpt::excerpt;
use crate::json::Object;
use crate::prices::{Prices, price_units};

/// Where rows come from that name no source of their own.
const SOURCE: &str = "LiteLLM, model_prices_and_context_window.json";

/// Decimal places from dollars for a token to dollars for a million tokens.
const PLACES: i64 = 6;

/// Kinds of models that are billed by text tokens.
const MODES: [&str; 3] = ["chat", "responses", "completion"];

/// Fees that every call of a model has beside its tokens: its tokens alone would cost too little.
const FEES: [&str; 2] = ["input_cost_per_request", "citation_cost_per_token"];

/// Factors on all prices that LiteLLM gives, which are service tiers of ours.
const FACTORS: [&str; 2] = ["fast", "us"];

/// Imports LiteLLM's public file of prices, `model_prices_and_context_window.json`, as text of ours: numbers such as
/// `1.5e-07` dollars a token become `0.15` for a million, digit by digit. Its prices have no dates, so they are in
/// effect from `effective` on, a date such as `2026-11-01`.
///
/// A key `groq/llama` of the provider `groq` becomes the name `llama` of that provider, also under its conventional name, `openrouter/openai/gpt-5` the
/// name `openai/gpt-5` of any provider, as OpenRouter answers it, and a key without its provider's name stays as it is.
///
/// # Errors
///
/// An [`ImportError`] where the text is not a JSON object or the date not a date. A single model that cannot be taken over
/// is a note.
pub fn import_litellm(json: &str, effective: &str) -> Result<Imported, ImportError> {
    if effective.len() != 10 || effective.parse::<Date>().is_err() {
        let found = format!("`{}`", excerpt(effective));
        return Err(ImportError { what: "the date", found, expected: "a date such as 2026-11-01".to_owned() });
    }
    let file = Object::parse(json.as_bytes()).map_err(|error| ImportError {
        what: "the file",
        found: match error {
            UsageError::NotAnObject { found } => found,
            other => other.to_string(),
        },
        expected: "LiteLLM's JSON object of models".to_owned(),
    })?;
    let mut import = Import {
        toml: String::new(),
        ids: BTreeMap::new(),
        names: BTreeMap::new(),
        notes: Vec::new(),
        unused: BTreeMap::new(),
    };
    for key in file.keys().filter(|key| *key != "sample_spec") {
        let outcome = file.object(key).map_err(|error| error.to_string()).and_then(|model| match model {
            Some(model) => import.model(key, &model, effective),
            None => Err("it is null".to_owned()),
        });
        if let Err(why) = outcome {
            import.notes.push(format!("{}: left out: {why}", excerpt(key)));
        }
    }
    import.finish(effective)
}

struct Import {
    toml: String,
    /// The key of the model that has an id.
    ids: BTreeMap<String, String>,
    /// The key of the model that has a provider's name.
    names: BTreeMap<(Option<String>, String), String>,
    notes: Vec<String>,
    /// How many models have a price that no bucket of ours is for.
    unused: BTreeMap<String, usize>,
}

impl Import {
    fn model(&mut self, key: &str, model: &Object<'_>, effective: &str) -> Result<(), String> {
        let mode = model.text("mode").unwrap_or_else(|| "unknown".to_owned());
        if !MODES.contains(&mode.as_str()) {
            return Err(format!("its mode is {}, which is not billed by text tokens alone", excerpt(&mode)));
        }
        let mut prices = self.prices(key, model)?;
        self.multiply(key, model, &mut prices)?;
        let (name, provider) = name_and_provider(key, model.text("litellm_provider").as_deref());
        if name.contains(['*', '#']) || crate::prices::is_unusable_name(&name) {
            return Err("its name has characters that our patterns give a meaning, or cannot have".to_owned());
        }
        let id = id_of(key);
        if let Some(other) = self.ids.get(&id).or_else(|| self.names.get(&(provider.clone(), name.to_lowercase()))) {
            return Err(format!("{} has the same name", excerpt(other)));
        }
        let source = model.text("source").unwrap_or_else(|| SOURCE.to_owned());
        self.toml += &toml_text::model(
            &id,
            &name,
            &provider.as_deref().map(provider_names).unwrap_or_default(),
            &source,
            effective,
            &prices,
        );
        self.ids.insert(id, key.to_owned());
        self.names.insert((provider, name.to_lowercase()), key.to_owned());
        Ok(())
    }

    /// The prices of a model by their places, as decimal text for a million tokens.
    fn prices(&mut self, key: &str, model: &Object<'_>) -> Result<PriceTexts, String> {
        let mut prices = PriceTexts::new();
        for field in model.keys().filter(|field| field.contains("cost")) {
            let Some(place) = place(field) else {
                if FEES.contains(&field) && !model.is_zero(field) {
                    return Err(format!("it has a fee beside its tokens, {field}"));
                }
                *self.unused.entry(field.to_owned()).or_default() += 1;
                continue;
            };
            if model.is_zero(field) {
                if place.service.is_empty()
                    && matches!(place.bucket, Bucket::Input | Bucket::Output)
                    && place.above == 0
                {
                    return Err(format!("{field} is 0, which is unknown, or free by a rule of its provider"));
                }
                // A bucket that is free of charge would hide a missing price; without one, the cost is unknown.
                continue;
            }
            if let Some(price) = price_for_a_million(model, field)? {
                prices.insert(place, price);
            }
        }
        self.drop_incomplete(key, &mut prices)?;
        Ok(prices)
    }

    /// A service tier without a price of input or of output is left out; without both in the standard tier, so is the model.
    fn drop_incomplete(&mut self, key: &str, prices: &mut PriceTexts) -> Result<(), String> {
        let mut groups: Vec<(String, u64)> = prices.keys().map(|place| (place.service.clone(), place.above)).collect();
        groups.push((String::new(), 0));
        groups.extend(prices.keys().map(|place| (place.service.clone(), 0)).collect::<Vec<_>>());
        groups.sort();
        groups.dedup();
        for (service, above) in groups {
            let has = |bucket| prices.contains_key(&Place { service: service.clone(), above, bucket });
            if has(Bucket::Input) && has(Bucket::Output) {
                continue;
            }
            let size = if above == 0 { String::new() } else { format!(" above {above} tokens") };
            if service.is_empty() {
                return Err(format!("it has no price of input and output for each token{size}"));
            }
            if prices.keys().any(|place| place.service == service) {
                self.notes.push(format!(
                    "{}: its {service} tier is left out: no price of input and output{size}",
                    excerpt(key)
                ));
                prices.retain(|place, _| place.service != service);
            }
        }
        Ok(())
    }

    /// Adds the service tiers that LiteLLM gives as factors on the standard tier.
    fn multiply(&mut self, key: &str, model: &Object<'_>, prices: &mut PriceTexts) -> Result<(), String> {
        let Ok(Some(factors)) = model.object("provider_specific_entry") else { return Ok(()) };
        let standard: Vec<(Place, String)> = prices
            .iter()
            .filter(|(place, _)| place.service.is_empty())
            .map(|(place, price)| (place.clone(), price.clone()))
            .collect();
        for name in factors.keys() {
            let Some(service) = FACTORS.into_iter().find(|service| *service == name) else {
                self.notes.push(format!(
                    "{}: its factor {} is left out: no service tier is known by it",
                    excerpt(key),
                    excerpt(name)
                ));
                continue;
            };
            for (place, price) in &standard {
                let factor = factors.number_text(service).as_deref().and_then(Decimal::parse);
                let product =
                    Decimal::parse(price).zip(factor).and_then(|(price, factor)| price.times(&factor)?.to_plain_text());
                let text = product.filter(|text| price_units(text).is_some());
                let text = text.ok_or_else(|| format!("its factor {service} makes no price of {price}"))?;
                prices.insert(Place { service: service.to_owned(), ..place.clone() }, text);
            }
        }
        Ok(())
    }

    fn finish(mut self, effective: &str) -> Result<Imported, ImportError> {
        for (field, models) in &self.unused {
            self.notes.push(format!("{field}: left out of {models} models: no bucket of tokens has this price"));
        }
        let free = Prices::bundled_text().find("\n[[model]]").map_or("", |end| &Prices::bundled_text()[..end]);
        let free = free.find("\n[[free]]").map_or("", |start| &free[start..]);
        // Comments before the first model belong to the models of the bundled file.
        let free: Vec<&str> = free.lines().filter(|line| !line.starts_with('#')).collect();
        let toml = format!(
            "# Imported from {SOURCE}, in effect from {effective} on. The format: infra/ai-prices.toml.\n\n{}\n{}",
            free.join("\n").trim(),
            self.toml
        );
        Prices::parse(&toml).map_err(|error| ImportError {
            what: "the file",
            found: error.to_string(),
            expected: "models whose names differ from the rules of what is free".to_owned(),
        })?;
        Ok(Imported { toml, models: self.ids.len(), notes: self.notes })
    }
}

/// The price under a key for a million tokens; none where it is null.
fn price_for_a_million(model: &Object<'_>, field: &str) -> Result<Option<String>, String> {
    let Some(number) = model.number_text(field) else {
        return if model.has(field) { Err(format!("{field} is not a number")) } else { Ok(None) };
    };
    let decimal =
        Decimal::parse(&number).and_then(|decimal| decimal.shifted(PLACES)).and_then(|decimal| decimal.to_plain_text());
    match decimal.filter(|text| price_units(text).is_some()) {
        Some(text) => Ok(Some(text)),
        None => Err(format!(
            "{field} is {}, but prices of ours have at most 12 decimals for a million tokens, and are at most 1000",
            excerpt(&number)
        )),
    }
}

/// The name as the provider answers it, and the provider where the name alone could be another's.
fn name_and_provider(key: &str, provider: Option<&str>) -> (String, Option<String>) {
    let Some((prefix, name)) = key.split_once('/').filter(|(prefix, _)| Some(*prefix) == provider) else {
        return (key.to_owned(), None);
    };
    let provider = (prefix != "openrouter").then(|| prefix.to_lowercase());
    (name.to_owned(), provider)
}

/// A provider by LiteLLM's name, and by the one that OpenTelemetry's conventions have for it (`gen_ai.provider.name`).
fn provider_names(name: &str) -> Vec<&str> {
    let conventional = match name {
        "azure" => Some("azure.ai.openai"),
        "azure_ai" => Some("azure.ai.inference"),
        "bedrock" => Some("aws.bedrock"),
        "cohere_chat" => Some("cohere"),
        "gemini" => Some("gcp.gemini"),
        "mistral" => Some("mistral_ai"),
        "vertex_ai" => Some("gcp.vertex_ai"),
        "watsonx" => Some("ibm.watsonx.ai"),
        "xai" => Some("x_ai"),
        _ => None,
    };
    [Some(name), conventional].into_iter().flatten().collect()
}

/// An id from a key: in lower case, with `-` for what an id cannot have.
fn id_of(key: &str) -> String {
    let allowed =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "._:/-".contains(character);
    key.to_lowercase().chars().map(|character| if allowed(character) { character } else { '-' }).take(100).collect()
}
