//! Gemini's own counts: the prompt's includes what was read from the cache; results of tools are part of the input, and
//! thoughts part of the output, each beside the other counts; the total is the sum of the four
//! (<https://ai.google.dev/api/generate-content#UsageMetadata>). A count of zero is left out.

use crate::error::UsageError;
use crate::json::Object;
use crate::report::Report;
use crate::shape::Shape;
use crate::usage::Usage;

pub(crate) fn read(body: &Object<'_>) -> Result<Report, UsageError> {
    let usage = body.object("usageMetadata")?;
    let tier = usage.as_ref().and_then(|usage| usage.text("serviceTier").or_else(|| usage.text("trafficType")));
    Ok(Report {
        usage: usage.as_ref().map(buckets).transpose()?.flatten(),
        provider_cost: None,
        upstream_cost: None,
        model: body.text("modelVersion"),
        provider: None,
        generation_id: body.text("responseId"),
        service_tier: tier,
        shape: Shape::Gemini,
    })
}

fn buckets(usage: &Object<'_>) -> Result<Option<Usage>, UsageError> {
    if !["promptTokenCount", "candidatesTokenCount", "totalTokenCount"].iter().any(|key| usage.has(key)) {
        return Ok(None);
    }
    let count = |key: &str| usage.count(key).map(|count| count.unwrap_or(0));
    let prompt = count("promptTokenCount")?;
    let tools = count("toolUsePromptTokenCount")?;
    let cache_read = count("cachedContentTokenCount")?;
    let visible_output = usage.count_by_any(&["candidatesTokenCount", "responseTokenCount"])?.unwrap_or(0);
    let reasoning = count("thoughtsTokenCount")?;
    let Some(uncached) = prompt.checked_sub(cache_read) else {
        let expected = format!("at most {prompt}, which is {}", usage.path_of("promptTokenCount"));
        return Err(usage.wrong("cachedContentTokenCount", cache_read.to_string(), expected));
    };
    let sum = prompt + tools + visible_output + reasoning;
    if let Some(total) = usage.count("totalTokenCount")?
        && total != sum
    {
        let expected = format!("{sum}, the sum of the counts of prompt, tool use, candidates and thoughts");
        return Err(usage.wrong("totalTokenCount", total.to_string(), expected));
    }
    // Images, video and documents in a prompt cost as much as text; audio does not, nor does any other output.
    for details in ["promptTokensDetails", "toolUsePromptTokensDetails", "cacheTokensDetails"] {
        refuse_modality(usage, details, |modality| modality == "AUDIO")?;
    }
    for details in ["candidatesTokensDetails", "responseTokensDetails"] {
        refuse_modality(usage, details, |modality| modality != "TEXT")?;
    }
    let uncached_prompt = uncached + tools;
    Ok(Some(Usage { uncached_prompt, cache_read, cache_write: 0, cache_write_1h: 0, visible_output, reasoning }))
}

/// Refuses tokens of a modality that has another price.
fn refuse_modality(usage: &Object<'_>, details: &str, is_refused: impl Fn(&str) -> bool) -> Result<(), UsageError> {
    for item in usage.objects(details)? {
        let modality = item.text("modality").unwrap_or_default();
        if is_refused(&modality.to_ascii_uppercase()) {
            item.refuse_other_than_text("tokenCount")?;
        }
    }
    Ok(())
}
