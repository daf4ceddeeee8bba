//! The keys of a model in LiteLLM's file that are prices for text tokens.

/// A bucket's price in a row of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    Input,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Output,
    Reasoning,
}

impl Bucket {
    /// Its key in our file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }
}

/// Where a price belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The service tier; empty for the standard one.
    pub service: String,
    /// The size of the prompt above which it holds; 0 for any.
    pub above: u64,
    pub bucket: Bucket,
}

/// LiteLLM's names of the buckets; a longer name comes before its beginning.
const BUCKETS: [(&str, Bucket); 6] = [
    ("cache_creation_input_token_cost_above_1hr", Bucket::CacheWrite1h),
    ("cache_creation_input_token_cost", Bucket::CacheWrite),
    ("cache_read_input_token_cost", Bucket::CacheRead),
    ("input_cost_per_token", Bucket::Input),
    ("output_cost_per_reasoning_token", Bucket::Reasoning),
    ("output_cost_per_token", Bucket::Output),
];

/// LiteLLM's names of service tiers, and ours.
const SERVICES: [(&str, &str); 6] = [
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_ultrafast", "ultrafast"),
    ("_balanced", "balanced"),
    ("", ""),
];

/// Where the price under a key belongs; none for a key that is not a price for text tokens.
pub(super) fn place(key: &str) -> Option<Place> {
    let (rest, bucket) = BUCKETS.iter().find_map(|(name, bucket)| Some((key.strip_prefix(name)?, *bucket)))?;
    let (rest, service) = SERVICES.iter().find_map(|(name, service)| Some((rest.strip_suffix(name)?, *service)))?;
    let above = match rest {
        "" => 0,
        _ => rest.strip_prefix("_above_")?.strip_suffix("k_tokens")?.parse::<u32>().ok().filter(|size| *size > 0)?,
    };
    Some(Place { service: service.to_owned(), above: u64::from(above) * 1000, bucket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_bucket_size_and_service() {
        for (key, expected) in [
            ("input_cost_per_token", Some(("", 0, Bucket::Input))),
            ("output_cost_per_token_batches", Some(("batch", 0, Bucket::Output))),
            ("cache_read_input_token_cost_above_272k_tokens_flex", Some(("flex", 272_000, Bucket::CacheRead))),
            ("cache_creation_input_token_cost_above_1hr_above_200k_tokens", Some(("", 200_000, Bucket::CacheWrite1h))),
            ("cache_creation_input_token_cost_above_12hr", None),
            ("input_cost_per_token_cache_hit", None),
            ("input_cost_per_audio_token", None),
            ("output_cost_per_token_above_0k_tokens", None),
            ("output_cost_per_reasoning_token", Some(("", 0, Bucket::Reasoning))),
            ("output_cost_per_second", None),
        ] {
            let expected =
                expected.map(|(service, above, bucket)| Place { service: service.to_owned(), above, bucket });
            assert_eq!(place(key), expected, "{key}");
        }
    }
}
