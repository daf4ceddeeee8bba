//! What a usage costs at a row's prices: exact sums, rounded once.

use super::table::PriceUnits;
use crate::money::PicoDollars;
use crate::usage::Usage;

/// Price units in a pico-dollar.
const UNITS_PER_PICO_DOLLAR: u128 = 1_000_000;

/// The prices of one token in each bucket, for prompts of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenPrices {
    pub input: PriceUnits,
    pub cache_read: Option<PriceUnits>,
    pub cache_write: Option<PriceUnits>,
    pub cache_write_1h: Option<PriceUnits>,
    pub output: PriceUnits,
    pub reasoning: Option<PriceUnits>,
}

impl TokenPrices {
    /// Each bucket's price, in the order of [`buckets`].
    ///
    /// A price that is not given is taken from another where that cannot be too low: what was read from a cache costs at
    /// most what any input does, and all providers bill reasoning as output. For what was written to a cache there is no
    /// such price, since those who count it may ask more than for other input: it stays unknown.
    fn by_bucket(&self) -> [Option<PriceUnits>; 6] {
        [
            Some(self.input),
            Some(self.cache_read.unwrap_or(self.input)),
            self.cache_write,
            self.cache_write_1h,
            Some(self.output),
            Some(self.reasoning.unwrap_or(self.output)),
        ]
    }

    /// The cost of a usage; none where a bucket with tokens has no price.
    pub fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        let mut units = 0_u128;
        for (tokens, price) in buckets(usage).into_iter().zip(self.by_bucket()) {
            if tokens > 0 {
                // At most 2^64 tokens at 10^15 units in each of six buckets: below 2^117.
                units += u128::from(tokens) * u128::from(price?);
            }
        }
        Some(rounded(units))
    }

    /// The greatest cost of so many tokens of a prompt and of output, in whatever buckets.
    pub fn worst_case(&self, prompt_tokens: u64, output_tokens: u64) -> PicoDollars {
        let prices = self.by_bucket();
        let dearest = |prices: &[Option<PriceUnits>]| u128::from(prices.iter().flatten().copied().max().unwrap_or(0));
        let (prompt, output) = prices.split_at(4);
        rounded(u128::from(prompt_tokens) * dearest(prompt) + u128::from(output_tokens) * dearest(output))
    }
}

/// The tokens of each bucket.
fn buckets(usage: &Usage) -> [u64; 6] {
    let Usage { uncached_prompt, cache_read, cache_write, cache_write_1h, visible_output, reasoning } = *usage;
    [uncached_prompt, cache_read, cache_write, cache_write_1h, visible_output, reasoning]
}

/// The one place where a cost is rounded: to the nearest pico-dollar, half to even.
fn rounded(units: u128) -> PicoDollars {
    let (whole, rest) = (units / UNITS_PER_PICO_DOLLAR, units % UNITS_PER_PICO_DOLLAR);
    let half = UNITS_PER_PICO_DOLLAR / 2;
    let up = rest > half || (rest == half && whole % 2 == 1);
    // Below 2^117 / 10^6, which an i128 holds.
    PicoDollars::new(i128::try_from(whole + u128::from(up)).unwrap_or(i128::MAX))
}
