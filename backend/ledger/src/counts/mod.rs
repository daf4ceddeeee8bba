//! How each provider's counts become disjoint buckets, one file a rule.

pub(crate) mod anthropic;
pub(crate) mod gemini;
pub(crate) mod ollama;
pub(crate) mod openai;
