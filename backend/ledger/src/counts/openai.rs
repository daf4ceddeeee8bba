//! OpenAI's counts, and those of the many that are compatible with them.
//!
//! The prompt's count includes what was read from the cache and what was written to it: each token of the prompt is
//! billed as one of uncached, read or written (<https://developers.openai.com/api/docs/guides/prompt-caching>). The
//! completion's count includes reasoning. Where the total says otherwise, the total decides, since it is what is billed:
//! xAI counts reasoning beside the completion, and Gemini's compatible form has thoughts in the total alone.

use crate::error::UsageError;
use crate::json::Object;
use crate::report::Report;
use crate::shape::Shape;
use crate::usage::Usage;

/// The names of the counts in one of OpenAI's two interfaces.
pub(crate) struct Names {
    prompt: &'static str,
    completion: &'static str,
    prompt_details: &'static str,
    completion_details: &'static str,
}

/// The names in chat completions.
pub(crate) const CHAT: Names = Names {
    prompt: "prompt_tokens",
    completion: "completion_tokens",
    prompt_details: "prompt_tokens_details",
    completion_details: "completion_tokens_details",
};

/// The names in responses.
pub(crate) const RESPONSES: Names = Names {
    prompt: "input_tokens",
    completion: "output_tokens",
    prompt_details: "input_tokens_details",
    completion_details: "output_tokens_details",
};

/// Tokens written to a cache: as OpenAI and OpenRouter name them, and as LiteLLM's proxy does.
const CACHE_WRITES: &[&str] = &["cache_write_tokens", "cache_creation_tokens"];

/// Tokens read from a cache, beside the prompt's count: as DeepSeek names them, and as Moonshot does.
const CACHE_READS: &[&str] = &["prompt_cache_hit_tokens", "cached_tokens"];

pub(crate) fn read(body: &Object<'_>, shape: Shape, names: &Names) -> Result<Report, UsageError> {
    let usage = body.object("usage")?;
    let usage = usage.as_ref();
    let (provider_cost, upstream_cost) = match usage {
        // Perplexity has an object of costs in the place of OpenRouter's number.
        Some(usage) => match usage.object("cost") {
            Ok(Some(costs)) => (costs.cost("total_cost")?, None),
            _ => (usage.cost("cost")?, upstream_cost(usage)?),
        },
        None => (None, None),
    };
    Ok(Report {
        usage: usage.map(|usage| buckets(usage, shape, names)).transpose()?.flatten(),
        provider_cost,
        upstream_cost,
        model: body.text("model"),
        provider: match shape {
            Shape::OllamaCompatible => Some("ollama".to_owned()),
            _ => body.text("provider"),
        },
        generation_id: body.text("id"),
        service_tier: body.text("service_tier").or_else(|| usage.and_then(|usage| usage.text("service_tier"))),
        shape,
    })
}

fn upstream_cost(usage: &Object<'_>) -> Result<Option<crate::decimal::DecimalText>, UsageError> {
    usage.object("cost_details")?.map_or(Ok(None), |details| details.cost("upstream_inference_cost"))
}

/// The buckets; none where the usage has no count at all.
fn buckets(usage: &Object<'_>, shape: Shape, names: &Names) -> Result<Option<Usage>, UsageError> {
    if ![names.prompt, names.completion, "total_tokens"].iter().any(|key| usage.has(key)) {
        return Ok(None);
    }
    let prompt = usage.needed_count(names.prompt)?;
    let total = usage.count("total_tokens")?;
    let completion = match (usage.count(names.completion)?, total) {
        (Some(completion), _) => completion,
        // An embedding has no completion, and its total is the prompt.
        (None, Some(total)) if total == prompt => 0,
        (None, _) => usage.needed_count(names.completion)?,
    };
    let (cache_read, cache_write) = cached(usage, prompt, names)?;
    let (visible_output, reasoning) = output(usage, shape, names, [prompt, completion], total)?;
    let uncached_prompt = prompt - cache_read - cache_write;
    Ok(Some(Usage { uncached_prompt, cache_read, cache_write, cache_write_1h: 0, visible_output, reasoning }))
}

/// Tokens of the prompt that were read from a cache, and those written to one; together at most the prompt.
fn cached(usage: &Object<'_>, prompt: u64, names: &Names) -> Result<(u64, u64), UsageError> {
    let details = usage.object(names.prompt_details)?;
    let mut cache_read = None;
    let mut cache_write = 0;
    if let Some(details) = &details {
        details.refuse_other_than_text("audio_tokens")?;
        cache_read = details.count("cached_tokens")?;
        let at_most = |key: &str, found: u64, limit: u64, of: &str| {
            if found <= limit {
                return Ok(());
            }
            Err(details.wrong(key, found.to_string(), format!("at most {limit}, {of}")))
        };
        at_most("cached_tokens", cache_read.unwrap_or(0), prompt, &format!("which is {}", usage.path_of(names.prompt)))?;
        cache_write = details.count_by_any(CACHE_WRITES)?.unwrap_or(0);
        let key = if details.has(CACHE_WRITES[0]) { CACHE_WRITES[0] } else { CACHE_WRITES[1] };
        let uncached = format!("which is {} without what was read from the cache", usage.path_of(names.prompt));
        at_most(key, cache_write, prompt - cache_read.unwrap_or(0), &uncached)?;
    }
    let beside = usage.count_by_any(CACHE_READS)?;
    let key = if usage.has(CACHE_READS[0]) { CACHE_READS[0] } else { CACHE_READS[1] };
    match (beside, cache_read) {
        (Some(beside), Some(known)) if beside != known => {
            let other = format!("{}.cached_tokens", usage.path_of(names.prompt_details));
            return Err(usage.wrong(key, beside.to_string(), format!("{known}, as in {other}")));
        }
        (Some(beside), None) if beside > prompt - cache_write => {
            let limit = prompt - cache_write;
            return Err(usage.wrong(key, beside.to_string(), format!("at most {limit}, which is {}", usage.path_of(names.prompt))));
        }
        _ => {}
    }
    let cache_read = cache_read.or(beside).unwrap_or(0);
    if let Some(missed) = usage.count("prompt_cache_miss_tokens")?
        && missed != prompt - cache_read
    {
        let expected = format!("{}, which is {} less what was read from the cache", prompt - cache_read, usage.path_of(names.prompt));
        return Err(usage.wrong("prompt_cache_miss_tokens", missed.to_string(), expected));
    }
    Ok((cache_read, cache_write))
}

/// Visible tokens and those of reasoning.
fn output(
    usage: &Object<'_>,
    shape: Shape,
    names: &Names,
    [prompt, completion]: [u64; 2],
    total: Option<u64>,
) -> Result<(u64, u64), UsageError> {
    let details = usage.object(names.completion_details)?;
    let mut reasoning = None;
    if let Some(details) = &details {
        details.refuse_other_than_text("audio_tokens")?;
        details.refuse_other_than_text("image_tokens")?;
        reasoning = details.count("reasoning_tokens")?;
    }
    let sum = prompt + completion;
    let beside = total.unwrap_or(sum).checked_sub(sum).ok_or_else(|| wrong_total(usage, total, names, sum))?;
    if beside > 0 {
        // Of the tokens beside the completion, all are reasoning, and none of the completion's is.
        return match reasoning {
            Some(reasoning) if reasoning == beside => Ok((completion, reasoning)),
            None if shape == Shape::GeminiCompatible => Ok((completion, beside)),
            _ => Err(wrong_total(usage, total, names, sum)),
        };
    }
    let reasoning = reasoning.unwrap_or(0);
    match (completion.checked_sub(reasoning), &details) {
        (Some(visible), _) => Ok((visible, reasoning)),
        (None, details) => {
            let expected = format!("at most {completion}, which is {}", usage.path_of(names.completion));
            let place = details.as_ref().unwrap_or(usage);
            Err(place.wrong("reasoning_tokens", reasoning.to_string(), expected))
        }
    }
}

fn wrong_total(usage: &Object<'_>, total: Option<u64>, names: &Names, sum: u64) -> UsageError {
    let expected = format!("{sum}, the sum of {} and {}", usage.path_of(names.prompt), usage.path_of(names.completion));
    usage.wrong("total_tokens", total.unwrap_or(0).to_string(), expected)
}
