//! The tokens of one call, in buckets that have no token in common.

/// Most tokens in one count of a response: a thousand million. No model takes a hundredth of it; a greater count is an
/// error, so that the cost of a call always fits an `i64` of pico-dollars.
pub const MAX_TOKENS: u64 = 1_000_000_000;

/// The tokens of one call, in disjoint buckets: each token is in exactly one of them, so that a cost is the sum of each
/// bucket's tokens times its price, and nothing has to be subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Tokens of the prompt that were neither read from a cache nor written to one.
    pub uncached_prompt: u64,
    /// Tokens of the prompt that were read from the provider's cache.
    pub cache_read: u64,
    /// Tokens of the prompt that were written to the provider's cache, but for those in `cache_write_1h`.
    pub cache_write: u64,
    /// Tokens of the prompt that were written to the cache for an hour, for which Anthropic has a price of its own. Zero
    /// for the other providers.
    pub cache_write_1h: u64,
    /// Tokens of the answer that the caller can see, tool calls included.
    pub visible_output: u64,
    /// Tokens the model thought in, which are billed and not shown.
    pub reasoning: u64,
}

impl Usage {
    /// All tokens of the prompt: uncached, read from the cache, and written to it. This decides the tier of a price.
    pub fn prompt(&self) -> u64 {
        [self.uncached_prompt, self.cache_read, self.cache_write, self.cache_write_1h]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// All tokens written to a cache.
    pub fn cache_writes(&self) -> u64 {
        self.cache_write.saturating_add(self.cache_write_1h)
    }

    /// All tokens of the answer, visible or not.
    pub fn output(&self) -> u64 {
        self.visible_output.saturating_add(self.reasoning)
    }

    /// All tokens of the call.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output())
    }
}
