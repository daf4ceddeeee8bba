//! Ollama's own counts, which are of the last event of a stream (<https://docs.ollama.com/api/usage>). The prompt's
//! includes what was read from the cache, and is left out where it is zero; the count of output includes thinking.

use crate::error::UsageError;
use crate::json::Object;
use crate::report::Report;
use crate::shape::Shape;
use crate::usage::Usage;

pub(crate) fn read(body: &Object<'_>) -> Result<Report, UsageError> {
    let (prompt, output) = (body.count("prompt_eval_count")?, body.count("eval_count")?);
    let usage = match (prompt, output) {
        (None, None) => None,
        _ => Some(buckets(body, prompt.unwrap_or(0), output.unwrap_or(0))?),
    };
    Ok(Report {
        usage,
        provider_cost: None,
        upstream_cost: None,
        model: body.text("model"),
        provider: Some("ollama".to_owned()),
        generation_id: None,
        service_tier: None,
        shape: Shape::Ollama,
    })
}

fn buckets(body: &Object<'_>, prompt: u64, visible_output: u64) -> Result<Usage, UsageError> {
    let cache_read = body.count("prompt_eval_cached_count")?.unwrap_or(0);
    let Some(uncached_prompt) = prompt.checked_sub(cache_read) else {
        let expected = format!("at most {prompt}, which is {}", body.path_of("prompt_eval_count"));
        return Err(body.wrong("prompt_eval_cached_count", cache_read.to_string(), expected));
    };
    Ok(Usage { uncached_prompt, cache_read, visible_output, ..Usage::default() })
}
