//! A provider's response in, an exact invoice out: which tokens were used, and what they cost, to the pico-dollar.
//!
//! - [`read_response`]: reads a response body into a [`Report`]: the [`Usage`] in disjoint buckets, the cost as the
//!   provider sent it, and what identifies the call;
//! - [`Prices`]: a price file, validated when it is parsed; [`Prices::pricing`] finds the price of one call;
//! - [`Pricing`]: `Priced`, `Free` or `Unpriced`, and with it the cost of a usage, and the most that a call can cost;
//! - [`PicoDollars`], [`DecimalText`]: money, and numbers as they were sent;
//! - [`import`]: price files of others as ours.
//!
//! All arithmetic is of integers. Nothing here listens, stores, logs or measures: the caller does.
//!
//! ```
//! use belfry_ledger::{Prices, Query, read_response};
//!
//! let body = br#"{"object": "chat.completion", "model": "gpt-5-mini-2025-08-07",
//!     "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500,
//!         "prompt_tokens_details": {"cached_tokens": 1000},
//!         "completion_tokens_details": {"reasoning_tokens": 128}}}"#;
//! let report = read_response(body).unwrap();
//! let usage = report.usage.unwrap();
//! assert_eq!((usage.uncached_prompt, usage.cache_read), (200, 1000));
//! assert_eq!((usage.visible_output, usage.reasoning), (172, 128));
//!
//! let prices = Prices::bundled();
//! let at = "2026-01-15T12:00:00Z".parse().unwrap();
//! let query = Query { model: &report.model.unwrap(), provider: None, service_tier: None, at };
//! // 200 * $0.25 + 1000 * $0.025 + 300 * $2 per million.
//! assert_eq!(prices.pricing(&query).cost(&usage).unwrap().to_string(), "0.000675");
//! ```

pub mod import;

mod counts;
mod decimal;
mod error;
mod excerpt;
mod json;
mod money;
mod prices;
mod read;
mod report;
mod shape;
mod usage;

pub use decimal::DecimalText;
pub use error::UsageError;
pub use money::PicoDollars;
pub use prices::{FreeRule, Invoice, MAX_PRICE, PriceFileError, PriceState, PricedRow, Prices, Pricing, Query};
pub use read::{read_response, read_response_as};
pub use report::Report;
pub use shape::Shape;
pub use usage::{MAX_TOKENS, Usage};
