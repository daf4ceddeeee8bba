//! What a response says of the call it answers: tokens, cost, and what identifies it.

use crate::decimal::DecimalText;
use crate::shape::Shape;
use crate::usage::Usage;

/// What a response says of the call it answers. Texts have at most 200 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The tokens; none where the response has no usage at all, which is not the same as zero tokens.
    pub usage: Option<Usage>,
    /// The cost in dollars as the provider sent it, digit by digit.
    pub provider_cost: Option<DecimalText>,
    /// What the call cost at the provider it was routed to, in dollars: OpenRouter reports it for calls with a key of the
    /// caller's own, where `provider_cost` is the router's fee alone.
    pub upstream_cost: Option<DecimalText>,
    /// The model as answered, which may be another than was asked for.
    pub model: Option<String>,
    /// The provider the call was routed to, as a router names it; `ollama` where the response is Ollama's. For the price
    /// of a direct call, the caller names the provider.
    pub provider: Option<String>,
    /// The provider's id of the response.
    pub generation_id: Option<String>,
    /// The service tier as answered, such as `flex` or `priority`; none where the response names none. Anthropic's fast
    /// mode and its inference in the US alone, which have prices of their own, are tiers here: `fast`, `us`, `batch+us`.
    pub service_tier: Option<String>,
    /// Whose form the response has.
    pub shape: Shape,
}
