//! Who is called: what its address tells about it.

use url::Url;

/// An AI provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The value of `gen_ai.provider.name`: whose form of the API it has. `openai` for any that is compatible and not known here.
    pub name: &'static str,
    /// Its host, without user or password.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Hosts and the names that the conventions have for them, but for OpenRouter, which has none there.
const KNOWN: [(&str, &str); 8] = [
    ("openrouter.ai", OPENROUTER),
    ("openai.azure.com", "azure.ai.openai"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("anthropic.com", "anthropic"),
];

const OPENROUTER: &str = "openrouter";

impl Provider {
    /// The provider at this address.
    pub fn at(base: &Url) -> Self {
        let host = base.host_str().unwrap_or_default().to_ascii_lowercase();
        let is_at = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let name = KNOWN.iter().find(|(domain, _)| is_at(domain)).map_or("openai", |(_, name)| *name);
        Self { name, port: base.port_or_known_default().unwrap_or(0), host }
    }

    /// Whether it is OpenRouter, which tells the cost of a call when it is asked to.
    pub fn is_openrouter(&self) -> bool {
        self.name == OPENROUTER
    }

    /// What bounds the tokens of an answer. OpenAI's newer models refuse `max_tokens`; of the others, not all know the new name.
    pub fn max_tokens_field(&self) -> &'static str {
        let is_openai = self.host == "api.openai.com" || self.name == "azure.ai.openai";
        if is_openai { "max_completion_tokens" } else { "max_tokens" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_host() {
        for (base, name, field) in [
            ("https://api.openai.com/v1", "openai", "max_completion_tokens"),
            ("https://mine.openai.azure.com/openai/v1", "azure.ai.openai", "max_completion_tokens"),
            ("https://openrouter.ai/api/v1", "openrouter", "max_tokens"),
            ("https://api.groq.com/openai/v1", "groq", "max_tokens"),
            ("http://user:hunter2@vllm:8000/v1", "openai", "max_tokens"),
            ("https://notopenrouter.ai/v1", "openai", "max_tokens"),
        ] {
            let provider = Provider::at(&base.parse().unwrap());
            assert_eq!((provider.name, provider.max_tokens_field()), (name, field), "{base}");
            assert!(!format!("{provider:?}").contains("hunter2"));
        }
        let local = Provider::at(&"http://127.0.0.1:11434/v1".parse().unwrap());
        assert_eq!((local.host.as_str(), local.port), ("127.0.0.1", 11434));
    }
}
