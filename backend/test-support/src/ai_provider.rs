//! A server that speaks OpenAI's chat completions, and can fail in every way that such a server fails.
//!
//! Source: OpenAI's API reference ("Create chat completion", "Error codes"), and the answers of OpenRouter, vLLM and Ollama, which
//! agree with it in what is used here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{PATIENCE, eventually, stub};

/// The key that it asks for.
pub const KEY: &str = "sk-canary-4f1c-SECRET";

/// The model that it has.
pub const MODEL: &str = "test-model";

/// The model's name in its answers.
pub const ANSWERED_MODEL: &str = "test-model-2026-01-15";

/// What it says when it is not told what to say.
pub const TEXT: &str = "The model is good.";

/// The tokens that it reports: read, of them from its cache, written, of them in thinking.
pub const TOKENS: (u64, u64, u64, u64) = (120, 20, 30, 10);

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct AiProvider {
    state: Arc<Mutex<Told>>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct Told {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
    answering: usize,
    most_answering: usize,
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this text.
    Text(String),
    /// With a completion that this changes.
    Changed(fn(&mut Value)),
    /// With an error of this status; `Retry-After`, if any.
    Error(u16, Option<&'static str>),
    /// With status 200 and this body.
    Body(&'static str),
    /// With the beginning of a completion, after which the connection is closed.
    BrokenOff,
    /// With a completion, after this time.
    Late(Duration),
    /// Never.
    Never,
    /// With a completion of more than this many bytes.
    Long(usize),
}

/// A request for a completion.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `traceparent`.
    pub traceparent: Option<String>,
    /// The body.
    pub body: Value,
}

impl Asked {
    /// The content of the message with this role.
    #[must_use]
    pub fn message(&self, role: &str) -> String {
        let messages = self.body["messages"].as_array().unwrap();
        let [message] = messages.iter().filter(|message| message["role"] == role).collect::<Vec<_>>()[..] else {
            panic!("one message of {role} in {messages:?}");
        };
        message["content"].as_str().unwrap().to_owned()
    }

    /// The data in the user's message.
    #[must_use]
    pub fn data(&self) -> Value {
        let message = self.message("user");
        let lines: Vec<&str> = message.split('\n').collect();
        let ["<data>", data, "</data>"] = lines[..] else { panic!("not one line of data: {message}") };
        serde_json::from_str(data).unwrap()
    }
}

impl AiProvider {
    /// Starts one on a free port; returns it and the base URL of its API.
    pub async fn start() -> (Self, String) {
        let provider = Self { state: Arc::default(), held: watch::Sender::new(false) };
        let url = stub::serve(Router::new().fallback(answer).with_state(provider.clone())).await;
        (provider, format!("{url}/v1"))
    }

    /// The answers to the next requests, in order; after them, [`TEXT`].
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.told().replies.extend(replies);
    }

    /// Answers nothing until [`Self::release`].
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Answers all that were held.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// The requests for completions, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.told().asked.clone()
    }

    /// Waits until it was asked this often.
    pub async fn await_asked(&self, count: usize) -> Vec<Asked> {
        eventually(&format!("{count} requests came"), PATIENCE, async || {
            let asked = self.asked();
            if asked.len() >= count { Ok(asked) } else { Err(asked.len().to_string()) }
        })
        .await
    }

    /// The most requests that it was answering at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.told().most_answering
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.state.lock().unwrap()
    }
}

/// Counts a request until it is answered or its client has gone.
struct Answering(AiProvider);

impl Answering {
    fn begin(provider: &AiProvider) -> Self {
        let mut told = provider.told();
        told.answering += 1;
        told.most_answering = told.most_answering.max(told.answering);
        Self(provider.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.told().answering -= 1;
    }
}

async fn answer(State(provider): State<AiProvider>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text_of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let authorization = text_of("authorization");
    let is_known = authorization.as_deref() == Some(&format!("Bearer {KEY}"));
    match uri.path() {
        "/v1/models" if is_known => return json_response(200, &json!({ "object": "list", "data": [] })),
        "/v1/chat/completions" => {}
        "/v1/models" => return json_response(401, &error(401)),
        _ => return json_response(404, &error(404)),
    }
    let _answering = Answering::begin(&provider);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let wrong = fault(&body);
    let reply = {
        let mut told = provider.told();
        told.asked.push(Asked { authorization, traceparent: text_of("traceparent"), body });
        if is_known && wrong.is_none() { told.replies.pop_front() } else { None }
    };
    let mut held = provider.held.subscribe();
    let _ = held.wait_for(|is_held| !is_held).await;
    if !is_known {
        return json_response(401, &error(401));
    }
    if let Some(wrong) = wrong {
        return json_response(400, &json!({ "error": { "message": wrong, "code": "invalid_request" } }));
    }
    match reply.unwrap_or(Reply::Text(TEXT.to_owned())) {
        Reply::Text(text) => json_response(200, &completion(&text)),
        Reply::Changed(change) => {
            let mut completion = completion(TEXT);
            change(&mut completion);
            json_response(200, &completion)
        }
        Reply::Error(status, retry_after) => {
            let mut response = json_response(status, &error(status));
            if let Some(retry_after) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, retry_after.parse().unwrap());
            }
            response
        }
        Reply::Body(body) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Reply::BrokenOff => {
            let whole = completion(TEXT).to_string();
            let begun = Bytes::from(whole[..whole.len() / 2].to_owned());
            let body = stream::iter([Ok(begun), Err(std::io::Error::other("broken off"))]);
            Response::new(Body::from_stream(body))
        }
        Reply::Late(after) => {
            tokio::time::sleep(after).await;
            json_response(200, &completion(TEXT))
        }
        Reply::Never => std::future::pending().await,
        Reply::Long(bytes) => json_response(200, &completion(&"x".repeat(bytes))),
    }
}

/// What a real server would refuse a request for.
fn fault(body: &Value) -> Option<&'static str> {
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_message = |message: &Value| {
        matches!(message["role"].as_str(), Some("system" | "user")) && message["content"].as_str().is_some()
    };
    if body["model"] != MODEL {
        Some("there is no such model")
    } else if messages.is_empty() || !messages.iter().all(is_message) {
        Some("messages: expected a list of objects with role and content")
    } else if body["max_tokens"].as_u64().is_none_or(|tokens| tokens == 0) {
        Some("max_tokens: expected a whole number above 0")
    } else if body["stream"] != false {
        Some("stream: expected false")
    } else {
        None
    }
}

fn completion(text: &str) -> Value {
    let (prompt, cached, completion, reasoning) = TOKENS;
    json!({
        "id": "chatcmpl-123",
        "object": "chat.completion",
        "created": 1_768_480_000,
        "model": ANSWERED_MODEL,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text, "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": { "cached_tokens": cached },
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        },
    })
}

/// An error that says more than anybody should see.
fn error(status: u16) -> Value {
    let code = match status {
        401 => "invalid_api_key",
        404 => "model_not_found",
        429 => "rate_limit_exceeded",
        _ => "server_error",
    };
    json!({ "error": { "message": format!("refused {KEY}"), "type": "error", "param": null, "code": code } })
}

fn json_response(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
