//! What a response says of the call it answers: tokens, cost, and what identifies it.

use crate::decimal::DecimalText;
use crate::error::UsageError;
use crate::usage::Usage;

/// Whose form a response has, and so which rule derives the buckets from its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// OpenAI's chat completions, and what is compatible with them: the prompt's count includes cached tokens, the
    /// completion's includes reasoning.
    OpenAiChat,
    /// OpenAI's responses: the same under other names.
    OpenAiResponses,
    /// OpenRouter's chat completions: as OpenAI's, with the cost in credits of one dollar and the routed provider.
    OpenRouter,
    /// vLLM's chat completions: as OpenAI's.
    Vllm,
    /// Anthropic's messages: the count of input excludes what was read from the cache and written to it.
    Anthropic,
    /// Gemini's own form: cached tokens are in the prompt's count, thoughts are apart from the candidates'.
    Gemini,
    /// Gemini's form that is compatible with OpenAI's: thoughts are in the total alone.
    GeminiCompatible,
    /// Ollama's form that is compatible with OpenAI's.
    OllamaCompatible,
    /// Ollama's own form: `prompt_eval_count` and `eval_count`.
    Ollama,
}

impl Shape {
    /// A stable name for storing and for labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::OpenAiResponses => "openai_responses",
            Self::OpenRouter => "openrouter",
            Self::Vllm => "vllm",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::GeminiCompatible => "gemini_compatible",
            Self::OllamaCompatible => "ollama_compatible",
            Self::Ollama => "ollama",
        }
    }
}

/// What a response says of the call it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The tokens; none where the response has no usage at all, which is not the same as zero tokens.
    pub usage: Option<Usage>,
    /// The cost in dollars as the provider sent it, digit by digit.
    pub provider_cost: Option<DecimalText>,
    /// The model as answered, which may be another than was asked for.
    pub model: Option<String>,
    /// The provider the call was routed to, as a router names it; `ollama` where the response is Ollama's. For the price
    /// of a direct call, the caller names the provider.
    pub provider: Option<String>,
    /// The provider's id of the response.
    pub generation_id: Option<String>,
    /// The service tier as answered, such as `flex` or `priority`; none where the response names none.
    pub service_tier: Option<String>,
    /// Whose form the response has.
    pub shape: Shape,
}

/// Reads a response's body, or the last event of a streamed one, whose shape is detected. Unknown fields are ignored.
///
/// # Errors
///
/// A [`UsageError`] where the body is not a JSON object, or where its usage contradicts itself. The rest of such a body
/// is not reported either.
pub fn read_response(body: &[u8]) -> Result<Report, UsageError> {
    let _ = body;
    Err(UsageError::NotAnObject { found: String::new() })
}

/// As [`read_response`], for a body whose shape is known.
///
/// # Errors
///
/// As [`read_response`].
pub fn read_response_as(shape: Shape, body: &[u8]) -> Result<Report, UsageError> {
    let _ = (shape, body);
    Err(UsageError::NotAnObject { found: String::new() })
}
