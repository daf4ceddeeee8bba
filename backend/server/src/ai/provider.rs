//! Who is called: what its address tells about it.

use url::Url;

/// An AI provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// AI__PROVIDER, or the provider whose host this is.
    known_as: Option<String>,
    /// Its host, without user or password.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Hosts and the names that the conventions have for them, but for OpenRouter, which has none there.
const KNOWN: [(&str, &str); 9] = [
    ("api.openai.com", "openai"),
    ("openrouter.ai", OPENROUTER),
    ("openai.azure.com", AZURE),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("anthropic.com", "anthropic"),
];

const OPENROUTER: &str = "openrouter";
const AZURE: &str = "azure.ai.openai";

impl Provider {
    /// The provider at this address, which the settings may name.
    pub fn at(base: &Url, name: Option<&str>) -> Self {
        let host = base.host_str().unwrap_or_default().to_ascii_lowercase();
        let is_at = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let by_host = || KNOWN.iter().find(|(domain, _)| is_at(domain)).map(|(_, name)| *name);
        let known_as = name.or_else(by_host).map(ToOwned::to_owned);
        Self { known_as, port: base.port_or_known_default().unwrap_or(0), host }
    }

    /// Whose prices apply, if that is known.
    pub fn known_as(&self) -> Option<&str> {
        self.known_as.as_deref()
    }

    /// The value of `gen_ai.provider.name`: whose form of the API it has, which is OpenAI's where nothing else is known.
    pub fn form(&self) -> &str {
        self.known_as().unwrap_or("openai")
    }

    /// Whether it is OpenRouter, which tells the cost of a call when it is asked to.
    pub fn is_openrouter(&self) -> bool {
        self.known_as() == Some(OPENROUTER)
    }

    /// What bounds the tokens of an answer. OpenAI's newer models refuse `max_tokens`; of the others, not all know the new name.
    pub fn max_tokens_field(&self) -> &'static str {
        if self.host == "api.openai.com" || self.known_as() == Some(AZURE) {
            "max_completion_tokens"
        } else {
            "max_tokens"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_host_or_by_a_setting() {
        for (base, name, known_as, field) in [
            ("https://api.openai.com/v1", None, Some("openai"), "max_completion_tokens"),
            ("https://mine.openai.azure.com/openai/v1", None, Some("azure.ai.openai"), "max_completion_tokens"),
            ("https://openrouter.ai/api/v1", None, Some("openrouter"), "max_tokens"),
            ("https://api.groq.com/openai/v1", None, Some("groq"), "max_tokens"),
            ("http://user:hunter2@vllm:8000/v1", Some("vllm"), Some("vllm"), "max_tokens"),
            ("https://notopenrouter.ai/v1", None, None, "max_tokens"),
        ] {
            let provider = Provider::at(&base.parse().unwrap(), name);
            assert_eq!((provider.known_as(), provider.max_tokens_field()), (known_as, field), "{base}");
            assert_eq!(provider.form(), known_as.unwrap_or("openai"));
            assert!(!format!("{provider:?}").contains("hunter2"));
        }
        let local = Provider::at(&"http://127.0.0.1:11434/v1".parse().unwrap(), None);
        assert_eq!((local.host.as_str(), local.port), ("127.0.0.1", 11434));
    }
}
