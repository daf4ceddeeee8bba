//! Messages from [`Telegram`] to a server that takes them as Telegram's own does: `belfry_test_support::telegram`.

use std::time::Duration;

use belfry_telemetry::testing::changed_series;
use belfry_test_support::eventually;
use belfry_test_support::ports::free_port;
use belfry_test_support::telegram::html::{self, Shown};
use belfry_test_support::telegram::{BotApi, CHAT, TOKEN};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::Config;

/// Where messages are given, and the task that delivers them to the test's server.
struct Sender {
    telegram: Telegram,
    delivery: JoinHandle<anyhow::Result<()>>,
    stopping: CancellationToken,
    deadline: CancellationToken,
}

fn new(url: &str) -> (Telegram, Delivery) {
    let variables = [
        ("TELEGRAM__ENABLED", "true".to_owned()),
        ("TELEGRAM__BASE_URL", url.to_owned()),
        ("TELEGRAM__TOKEN", TOKEN.to_owned()),
        ("TELEGRAM__CHAT_ID", CHAT.to_string()),
    ];
    let config = Config::read(variables.map(|(name, value)| (name.to_owned(), value))).unwrap();
    let (telegram, delivery) = Telegram::new(&config.telegram, ServiceClient::new().unwrap());
    (telegram, delivery.unwrap())
}

impl Sender {
    fn start(url: &str) -> Self {
        Self::start_with(url, |_| {})
    }

    fn start_with(url: &str, change: impl FnOnce(&mut Delivery)) -> Self {
        let (telegram, mut delivery) = new(url);
        change(&mut delivery);
        let (stopping, deadline) = (CancellationToken::new(), CancellationToken::new());
        let delivery = tokio::spawn(delivery.run(stopping.clone(), deadline.clone()));
        Self { telegram, delivery, stopping, deadline }
    }

    fn send(&self, text: &str) {
        self.telegram.send(Message::Plain(text.to_owned()));
    }

    /// Stops it, and waits until it has.
    async fn stop(self) {
        self.stopping.cancel();
        self.delivery.await.unwrap().unwrap();
    }
}

/// What is counted of messages while this runs.
fn counted(work: impl Future<Output = ()>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let series = changed_series(|| runtime.block_on(work));
    let counted =
        |series: &String| series.starts_with("belfry_telegram") || series.starts_with("external_api_requests");
    series.into_iter().filter(counted).collect()
}

fn calls(status: &str, count: u32) -> String {
    format!(r#"external_api_requests_total{{service="telegram",endpoint="sendMessage",status="{status}"}} {count}"#)
}

fn messages(outcome: &str, count: u32) -> String {
    format!(r#"belfry_telegram_messages_total{{outcome="{outcome}"}} {count}"#)
}

#[test]
fn ten_thousand_characters_of_markup_arrive_whole() {
    let line =
        "🚨 <b>Backend <i>down</i></b>: <a href=\"http://h/?a=1&amp;b=2\">1 &lt; 2 &amp;&amp; 3</a> <code>é👨‍👩‍👧‍👦</code>\n";
    let whole = html::parse(line).unwrap().text;
    let lines = 10_000 / whole.encode_utf16().count() + 1;
    let message = format!("<blockquote>{}</blockquote>", line.repeat(lines));
    let whole = html::parse(&message).unwrap();
    assert!(whole.text.encode_utf16().count() >= 10_000);
    let moved = counted(async {
        let (server, url) = BotApi::start().await;
        let sender = Sender::start(&url);
        sender.telegram.send(Message::Html(message.clone()));
        sender.stop().await;
        let taken = server.messages();
        let texts: Vec<&str> = taken.iter().map(|message| message.shown.text.as_str()).collect();
        assert!(texts.len() >= 3 && texts.join("\n") == whole.text.trim_end(), "{} parts", texts.len());
        let seen =
            |shown: &Shown| shown.characters().into_iter().filter(|(c, _)| !c.is_whitespace()).collect::<Vec<_>>();
        let parts: Vec<_> = taken.iter().flat_map(|message| seen(&message.shown)).collect();
        assert!(parts == seen(&whole), "a character is not in the elements that it was in");
    });
    assert_eq!(moved.len(), 2, "{moved:?}");
    assert_eq!(moved[0], messages("delivered", 1));
}

#[test]
fn the_time_that_telegram_asks_for_is_waited() {
    let moved = counted(async {
        let (server, url) = BotApi::start().await;
        let sender = Sender::start(&url);
        server.refuse_next_for(2);
        sender.send("first");
        sender.send("second");
        assert_eq!(server.await_texts(2).await, ["first", "second"]);
        let calls = server.calls("sendMessage");
        assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [429, 200, 200]);
        assert!(calls[1].at - calls[0].at >= Duration::from_secs(2), "{calls:?}");
        sender.stop().await;
    });
    assert_eq!(moved, [messages("delivered", 2), calls("200", 2), calls("429", 1)]);
}

#[test]
fn faults_are_tried_again_and_refusals_are_not() {
    let moved = counted(async {
        let (server, url) = BotApi::start().await;
        let sender = Sender::start(&url);
        server.refuse_next(502, json!("<html>"));
        server.refuse_next(403, json!({ "ok": false, "error_code": 403, "description": "Forbidden: bot was kicked" }));
        sender.send("refused at last");
        sender.send("taken");
        assert_eq!(server.await_texts(1).await, ["taken"]);
        sender.stop().await;
    });
    let expected = [messages("delivered", 1), messages("failed", 1), calls("200", 1), calls("403", 1), calls("502", 1)];
    assert_eq!(moved, expected);
}

/// Sends a message every so often while Telegram is away, and checks that all arrive in order once it is back.
async fn be_away(pause: Duration, messages: usize) {
    let (server, url) = BotApi::start().await;
    let sender = Sender::start(&url);
    sender.send("before");
    server.await_texts(1).await;
    server.go_away();
    let mut expected = vec!["before".to_owned()];
    for number in 0..messages {
        expected.push(format!("message {number}"));
        sender.send(&expected[number + 1]);
        tokio::time::sleep(pause).await;
    }
    assert_eq!(server.messages().len(), 1, "it is away");
    server.come_back();
    assert_eq!(server.await_texts(messages + 1).await, expected);
    sender.stop().await;
}

#[test]
fn what_is_sent_while_telegram_is_away_arrives_in_order() {
    let moved = counted(be_away(Duration::from_millis(300), 10));
    assert!(
        moved.contains(&messages("delivered", 11)) && !moved.iter().any(|line| line.contains("failed")),
        "{moved:?}"
    );
    assert!(moved.iter().any(|line| line.contains("status=\"broken\"")), "{moved:?}");
}

#[test]
#[ignore = "takes more than five minutes"]
fn five_minutes_of_telegram_away_lose_nothing() {
    let moved = counted(be_away(Duration::from_secs(10), 31));
    assert!(
        moved.contains(&messages("delivered", 32)) && !moved.iter().any(|line| line.contains("failed")),
        "{moved:?}"
    );
}

#[test]
fn what_waits_for_too_long_is_given_up() {
    let moved = counted(async {
        let url = format!("http://127.0.0.1:{}", free_port());
        let sender = Sender::start_with(&url, |delivery| delivery.give_up_after = Duration::from_millis(700));
        sender.send("never taken");
        sender.send("nor this");
        eventually("nothing waits", belfry_test_support::PATIENCE, async || {
            let Telegram(Some(queue)) = &sender.telegram else { unreachable!() };
            queue.capacity() == MAX_WAITING
        })
        .await;
        sender.stop().await;
    });
    assert!(
        moved.contains(&messages("failed", 2)) && !moved.iter().any(|line| line.contains("delivered")),
        "{moved:?}"
    );
    assert!(moved.iter().any(|line| line.contains("status=\"unreachable\"")), "{moved:?}");
}

#[test]
fn what_waits_at_the_stop_is_delivered_until_its_deadline() {
    let moved = counted(async {
        let (server, url) = BotApi::start().await;
        let sender = Sender::start(&url);
        let telegram = sender.telegram.clone();
        (0..20).for_each(|number| sender.send(&format!("message {number}")));
        sender.stop().await;
        assert_eq!(server.messages().len(), 20);
        telegram.send(Message::Plain("too late".to_owned()));

        let sender = Sender::start(&url);
        server.go_away();
        (0..3).for_each(|number| sender.send(&format!("message {number}")));
        let deadline = sender.deadline.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            deadline.cancel();
        });
        tokio::time::timeout(Duration::from_secs(5), sender.stop()).await.expect("it stops at its deadline");
    });
    let outcomes = [messages("delivered", 20), messages("dropped", 1), messages("failed", 3)];
    assert_eq!(moved[..3], outcomes, "{moved:?}");
}

#[test]
fn what_the_queue_cannot_take_is_dropped() {
    let moved = counted(async {
        let (telegram, _delivery) = new("http://127.0.0.1:9");
        (0..=MAX_WAITING).for_each(|number| telegram.send(Message::Plain(number.to_string())));
        telegram.send(Message::Plain("é".repeat(MAX_MESSAGE_BYTES)));
    });
    assert_eq!(moved, [messages("dropped", 2)]);
}

#[test]
fn broken_markup_is_sent_as_it_is_and_blank_text_is_not() {
    let moved = counted(async {
        let (server, url) = BotApi::start().await;
        let sender = Sender::start(&url);
        sender.telegram.send(Message::Html("a <b>bold</i> claim: 1 < 2".to_owned()));
        sender.telegram.send(Message::Html("<b>\n</b>".to_owned()));
        sender.stop().await;
        let taken = server.messages();
        assert_eq!((taken.len(), taken[0].is_html), (1, false));
        assert_eq!(taken[0].shown.text, "a <b>bold</i> claim: 1 < 2");
    });
    assert_eq!(moved, [messages("delivered", 1), messages("failed", 1), calls("200", 1)]);
}

#[test]
fn switched_off_nothing_is_sent() {
    let config = Config::read([]).unwrap();
    let (telegram, delivery) = Telegram::new(&config.telegram, ServiceClient::new().unwrap());
    assert!(delivery.is_none());
    assert!(counted(async { telegram.send(Message::Plain("text".to_owned())) }).is_empty());
}
