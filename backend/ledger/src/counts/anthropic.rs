//! Anthropic's counts: `input_tokens` has neither what was read from the cache nor what was written to it, so that the
//! prompt is the sum of the three (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>). The count of
//! output includes thinking. What was written for an hour has a price of its own, and is counted apart.

use crate::error::UsageError;
use crate::json::Object;
use crate::report::Report;
use crate::shape::Shape;
use crate::usage::Usage;

pub(crate) fn read(body: &Object<'_>) -> Result<Report, UsageError> {
    let usage = body.object("usage")?;
    Ok(Report {
        usage: usage.as_ref().map(buckets).transpose()?.flatten(),
        provider_cost: None,
        upstream_cost: None,
        model: body.text("model"),
        provider: None,
        generation_id: body.text("id"),
        service_tier: usage.as_ref().and_then(service_tier),
        shape: Shape::Anthropic,
    })
}

fn buckets(usage: &Object<'_>) -> Result<Option<Usage>, UsageError> {
    if !["input_tokens", "output_tokens"].iter().any(|key| usage.has(key)) {
        return Ok(None);
    }
    if let Some(tools) = usage.object("server_tool_use")? {
        tools.refuse_other_than_text("web_search_requests")?;
    }
    let output = usage.needed_count("output_tokens")?;
    let (cache_write, cache_write_1h) = cache_writes(usage)?;
    let reasoning = match usage.object("output_tokens_details")? {
        Some(details) => {
            let thinking = details.count("thinking_tokens")?.unwrap_or(0);
            if thinking > output {
                let expected = format!("at most {output}, which is {}", usage.path_of("output_tokens"));
                return Err(details.wrong("thinking_tokens", thinking.to_string(), expected));
            }
            thinking
        }
        None => 0,
    };
    Ok(Some(Usage {
        uncached_prompt: usage.needed_count("input_tokens")?,
        cache_read: usage.count("cache_read_input_tokens")?.unwrap_or(0),
        cache_write,
        cache_write_1h,
        visible_output: output - reasoning,
        reasoning,
    }))
}

/// Tokens written for five minutes, and those written for an hour.
fn cache_writes(usage: &Object<'_>) -> Result<(u64, u64), UsageError> {
    let total = usage.count("cache_creation_input_tokens")?;
    let Some(by_time) = usage.object("cache_creation")? else {
        return Ok((total.unwrap_or(0), 0));
    };
    let five_minutes = by_time.count("ephemeral_5m_input_tokens")?.unwrap_or(0);
    let hour = by_time.count("ephemeral_1h_input_tokens")?.unwrap_or(0);
    match total {
        Some(total) if total != five_minutes + hour => {
            let expected = format!("{}, the sum of those in {}", five_minutes + hour, usage.path_of("cache_creation"));
            Err(usage.wrong("cache_creation_input_tokens", total.to_string(), expected))
        }
        _ => Ok((five_minutes, hour)),
    }
}

/// The tier, with what else changes the price: fast mode, and inference in the US alone.
fn service_tier(usage: &Object<'_>) -> Option<String> {
    let tier = usage.text("service_tier");
    let is = |key: &str, value: &str| usage.text(key).is_some_and(|found| found.eq_ignore_ascii_case(value));
    let mut parts: Vec<&str> = tier.as_deref().filter(|tier| !tier.eq_ignore_ascii_case("standard")).into_iter().collect();
    parts.extend(is("speed", "fast").then_some("fast"));
    parts.extend(is("inference_geo", "us").then_some("us"));
    if parts.is_empty() { tier } else { Some(parts.join("+")) }
}
