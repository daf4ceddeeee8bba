//! A server that speaks Telegram's Bot API: it takes messages as Telegram does, hands out updates, and can be away or refuse.
//!
//! Source: the documentation of the Bot API ("Making requests", `sendMessage`, `getUpdates`, `ResponseParameters`), and the
//! answers of its server.

pub mod html;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::{PATIENCE, eventually};
use html::Shown;

/// The token of its bot.
pub const TOKEN: &str = "123456:a-very-SECRET_token";

/// The bot's name.
pub const BOT_NAME: &str = "BelfryTestBot";

/// The chat that its bot is a member of, a group.
pub const CHAT: i64 = -1_001_234_567_890;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct BotApi {
    state: Arc<Mutex<Told>>,
    /// Notified when a call may have something new to answer.
    changed: Arc<Notify>,
    away: watch::Sender<bool>,
}

/// What it was told, by clients and by the test.
#[derive(Default)]
struct Told {
    messages: Vec<Message>,
    calls: Vec<Call>,
    refusals: VecDeque<(u16, Value)>,
    updates: VecDeque<(i64, String)>,
    /// How many updates there were.
    handed_out: i64,
    /// How often `getUpdates` was called.
    polls: u64,
    conflict: bool,
}

/// A message that it took.
#[derive(Clone, Debug)]
pub struct Message {
    /// As people see it.
    pub shown: Shown,
    /// Whether it was sent as markup.
    pub is_html: bool,
    /// When it came.
    pub at: Instant,
}

/// A call that it answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Its parameters.
    pub parameters: Value,
    /// The answer's status.
    pub status: u16,
    /// When it was answered.
    pub at: Instant,
}

impl BotApi {
    /// Starts one on a free port; returns it and its URL.
    pub async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { state: Arc::default(), changed: Arc::default(), away: watch::Sender::new(false) };
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(server.clone());
        tokio::spawn(serve(listener, router, server.away.subscribe()));
        (server, url)
    }

    /// Closes every connection, and new ones as soon as they are made, until [`Self::come_back`].
    pub fn go_away(&self) {
        self.away.send_replace(true);
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.away.send_replace(false);
    }

    /// The answer to the next `sendMessage`, instead of taking it; several are given in order.
    pub fn refuse_next(&self, status: u16, answer: Value) {
        self.told().refusals.push_back((status, answer));
    }

    /// Answers the next `sendMessage` as when there were too many.
    pub fn refuse_next_for(&self, retry_after: u64) {
        let description = format!("Too Many Requests: retry after {retry_after}");
        let parameters = json!({ "retry_after": retry_after });
        self.refuse_next(
            429,
            json!({ "ok": false, "error_code": 429, "description": description, "parameters": parameters }),
        );
    }

    /// Whether `getUpdates` is answered as when another client calls it all the time.
    pub fn be_in_conflict(&self, conflict: bool) {
        self.told().conflict = conflict;
        self.changed.notify_waiters();
    }

    /// Has a person write this in the bot's chat.
    pub fn write(&self, text: &str) {
        self.write_in(CHAT, text);
    }

    /// Has a person write this in a chat, now.
    pub fn write_in(&self, chat: i64, text: &str) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.update(&json!({ "message": {
            "message_id": 1,
            "from": { "id": 7, "is_bot": false, "first_name": "Ann", "username": "ann_example" },
            "chat": { "id": chat, "type": "supergroup", "title": "Alerts" },
            "date": now.as_secs(),
            "text": text,
        }}));
    }

    /// Hands out an update; its id is added.
    pub fn update(&self, update: &Value) {
        let mut update = update.clone();
        update["update_id"] = Value::from(self.next_id());
        self.update_as_written(update.to_string());
    }

    /// Hands out an update with exactly this text, which need not be JSON, until the next id is confirmed.
    pub fn update_as_written(&self, text: String) {
        let id = self.next_id();
        let mut told = self.told();
        told.updates.push_back((id, text));
        told.handed_out += 1;
        drop(told);
        self.changed.notify_waiters();
    }

    /// The id of the next update.
    #[must_use]
    pub fn next_id(&self) -> i64 {
        500 + self.told().handed_out
    }

    /// What it has taken.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.told().messages.clone()
    }

    /// Waits until it has taken that many messages, and returns their texts.
    pub async fn await_texts(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} messages are taken"), PATIENCE, async || {
            let texts: Vec<String> = self.messages().into_iter().map(|message| message.shown.text).collect();
            if texts.len() >= count { Ok(texts) } else { Err(format!("{texts:?}")) }
        })
        .await
    }

    /// Waits until every update it has handed out is confirmed.
    pub async fn await_confirmed(&self) {
        eventually("every update is confirmed", PATIENCE, async || {
            let waiting = self.told().updates.len();
            if waiting == 0 { Ok(()) } else { Err(format!("{waiting} are not")) }
        })
        .await;
    }

    /// The calls of a method that it answered, in order.
    #[must_use]
    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.told().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.state.lock().unwrap()
    }

    fn send_message(&self, parameters: &Value) -> (u16, Value) {
        if let Some(refusal) = self.told().refusals.pop_front() {
            return refusal;
        }
        let chat = &parameters["chat_id"];
        if chat != &json!(CHAT) && chat != "@alerts_north" {
            return failure(400, "Bad Request: chat not found");
        }
        let is_html = match parameters.get("parse_mode") {
            None => false,
            Some(mode) if mode == "HTML" => true,
            Some(_) => return failure(400, "Bad Request: unsupported parse_mode"),
        };
        match html::receive(parameters["text"].as_str().unwrap_or_default(), is_html) {
            Ok(shown) => {
                let mut told = self.told();
                told.messages.push(Message { shown: shown.clone(), is_html, at: Instant::now() });
                success(
                    json!({ "message_id": told.messages.len(), "chat": { "id": CHAT }, "date": 1, "text": shown.text }),
                )
            }
            Err(description) => failure(400, &description),
        }
    }

    /// As the real one, a later call ends an earlier one that still waits.
    async fn get_updates(&self, parameters: &Value) -> (u16, String) {
        let conflict = || {
            let text =
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
            let (status, answer) = failure(409, text);
            (status, answer.to_string())
        };
        let offset = parameters["offset"].as_i64().unwrap_or(0);
        let limit = usize::try_from(parameters["limit"].as_u64().unwrap_or(100)).unwrap().clamp(1, 100);
        let waits = Duration::from_secs(parameters["timeout"].as_u64().unwrap_or(0).min(50));
        let ends = tokio::time::Instant::now() + waits;
        let own = {
            let mut told = self.told();
            told.polls += 1;
            told.updates.retain(|(id, _)| *id >= offset);
            told.polls
        };
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let told = self.told();
                if told.conflict || told.polls != own {
                    return conflict();
                }
                let updates: Vec<&str> = told.updates.iter().take(limit).map(|(_, text)| text.as_str()).collect();
                if !updates.is_empty() || tokio::time::Instant::now() >= ends {
                    return (200, format!("{{\"ok\":true,\"result\":[{}]}}", updates.join(",")));
                }
            }
            let _ = tokio::time::timeout_at(ends, changed).await;
        }
    }
}

async fn serve(listener: TcpListener, router: Router, away: watch::Receiver<bool>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, mut away) = (TowerToHyperService::new(router.clone()), away.clone());
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            tokio::select! {
                biased;
                _ = away.wait_for(|is_away| *is_away) => {}
                _ = builder.serve_connection(TokioIo::new(socket), service) => {}
            }
        });
    }
}

async fn answer(State(server): State<BotApi>, uri: Uri, body: Bytes) -> Response {
    let (token, method) = uri.path().strip_prefix("/bot").and_then(|path| path.split_once('/')).unwrap_or_default();
    let parameters: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = if token.is_empty() {
        text_of(failure(404, "Not Found"))
    } else if token != TOKEN {
        text_of(failure(401, "Unauthorized"))
    } else {
        match method {
            "getMe" => {
                let bot = json!({ "id": 123_456, "is_bot": true, "first_name": "Belfry", "username": BOT_NAME });
                text_of(success(bot))
            }
            "sendMessage" => text_of(server.send_message(&parameters)),
            "getUpdates" => server.get_updates(&parameters).await,
            _ => text_of(failure(404, "Not Found: method not found")),
        }
    };
    server.told().calls.push(Call { method: method.to_owned(), parameters, status, at: Instant::now() });
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

fn success(result: Value) -> (u16, Value) {
    (200, json!({ "ok": true, "result": result }))
}

fn failure(status: u16, description: &str) -> (u16, Value) {
    (status, json!({ "ok": false, "error_code": status, "description": description }))
}

fn text_of((status, answer): (u16, Value)) -> (u16, String) {
    (status, answer.to_string())
}
