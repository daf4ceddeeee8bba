//! Whose form a response has, detected from its fields.

use crate::error::UsageError;
use crate::json::Object;

/// Whose form a response has, and so which rule derives the buckets from its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// OpenAI's chat completions, and what is compatible with them: the prompt's count includes what was read from the
    /// cache and written to it, the completion's includes reasoning.
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
    /// All shapes.
    pub const ALL: [Self; 9] = [
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::OpenRouter,
        Self::Vllm,
        Self::Anthropic,
        Self::Gemini,
        Self::GeminiCompatible,
        Self::OllamaCompatible,
        Self::Ollama,
    ];

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

/// The shape of a body. What has no mark of another is taken for OpenAI's chat completion, which most imitate.
pub(crate) fn detect(body: &Object<'_>) -> Result<Shape, UsageError> {
    if body.has("usageMetadata") || body.has("modelVersion") || body.has("candidates") {
        return Ok(Shape::Gemini);
    }
    let done_in_native_form = body.has("done") && body.has("created_at");
    if body.has("prompt_eval_count") || body.has("eval_count") || done_in_native_form {
        return Ok(Shape::Ollama);
    }
    let kind = body.text("type").unwrap_or_default();
    let usage = body.object("usage")?;
    let counts = |key: &str| usage.as_ref().is_some_and(|usage| usage.has(key));
    if body.text("object").as_deref() == Some("response") || kind.starts_with("response.") || counts("input_tokens_details") {
        return Ok(Shape::OpenAiResponses);
    }
    if kind.starts_with("message") || (counts("input_tokens") && !counts("total_tokens") && !counts("prompt_tokens")) {
        return Ok(Shape::Anthropic);
    }
    if counts("input_tokens") && !counts("prompt_tokens") {
        return Ok(Shape::OpenAiResponses);
    }
    Ok(detect_chat(body, usage.as_ref()))
}

/// Which of those that are compatible with OpenAI's chat completions.
fn detect_chat(body: &Object<'_>, usage: Option<&Object<'_>>) -> Shape {
    let routed = body.text("provider").is_some() || usage.is_some_and(|usage| usage.has("cost_details"));
    if routed || body.text("id").is_some_and(|id| id.starts_with("gen-")) {
        Shape::OpenRouter
    } else if body.text("system_fingerprint").as_deref() == Some("fp_ollama") {
        Shape::OllamaCompatible
    } else if body.has_key("prompt_logprobs") || body.has_key("kv_transfer_params") {
        Shape::Vllm
    } else if body.text("model").is_some_and(|model| model.trim_start_matches("models/").starts_with("gemini")) {
        Shape::GeminiCompatible
    } else {
        Shape::OpenAiChat
    }
}
