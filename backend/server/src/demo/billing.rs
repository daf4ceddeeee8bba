//! Signed events of a billing provider that does not exist, if the demo is asked for them: they stay in the server's ledger.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use belfry_telemetry::settings;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Demo;
use super::api::ApiResponse;
use crate::billing::signature::{ID, SIGNATURE, TIMESTAMP, sign};
use crate::config::BillingConfig;
use crate::timestamp::{now_micros, rfc3339};

const PATH: &str = "/api/v1/billing/events";

/// Currencies whose minor units are a hundredth, all and a thousandth of a unit.
const CURRENCIES: [&str; 3] = ["EUR", "JPY", "KWD"];

/// Signs as the provider would whose secret the server has.
pub struct Provider {
    key: Vec<u8>,
    // Customers so far.
    customers: AtomicUsize,
}

impl Provider {
    /// The one whose secret is in this process's `BILLING__WEBHOOK_SECRET`.
    pub fn from_env() -> anyhow::Result<Self> {
        let config: BillingConfig = settings::read(settings::environment::<BillingConfig>()?)?;
        let key = config.webhook_secrets.keys().first().cloned();
        let key =
            key.context("--billing needs BILLING__WEBHOOK_SECRET, or BILLING__WEBHOOK_SECRET_FILE, of the server")?;
        Ok(Self { key, customers: AtomicUsize::new(0) })
    }

    fn event(&self, kind: &str, amount: Option<(i64, &str)>) -> Value {
        let customer = self.customers.fetch_add(1, Ordering::Relaxed);
        let mut data = json!({
            "customer_id": format!("cus_demo_{customer}"), "subscription_id": format!("sub_demo_{customer}"), "plan": "team",
        });
        if let Some((minor, currency)) = amount {
            (data["amount_minor"], data["currency"]) = (minor.into(), currency.into());
        }
        json!({"type": kind, "timestamp": rfc3339(now_micros()), "data": data})
    }
}

/// One event of each kind that a dashboard tells apart.
pub async fn open(demo: &Demo) {
    let Some(provider) = &demo.billing else { return };
    let started = provider.event("subscription.started", None);
    let id = new_id();
    for action in ["billing event", "billing event, delivered again"] {
        demo.count_response(action, &send(demo, provider, &id, &started).await, &[200]);
    }
    for currency in CURRENCIES {
        for (kind, minor) in [("payment.succeeded", 1_900), ("payment.refunded", 100)] {
            let event = provider.event(kind, Some((minor, currency)));
            demo.count_response("billing event", &send(demo, provider, &new_id(), &event).await, &[200]);
        }
    }
    let other = provider.event("invoice.created", None);
    demo.count_response("billing event of another type", &send(demo, provider, &new_id(), &other).await, &[202]);
    let forger = Provider { key: vec![0; 32], customers: AtomicUsize::new(0) };
    let refused = send(demo, &forger, &new_id(), &started).await;
    demo.count_response("billing event by another secret", &refused, &[401]);
}

/// One event as a provider sends it.
pub async fn event(demo: &Demo, rng: &mut StdRng) {
    let Some(provider) = &demo.billing else { return };
    let kinds =
        ["subscription.started", "subscription.renewed", "payment.succeeded", "payment.succeeded", "payment.refunded"];
    let kind = *kinds.choose(rng).expect("there are kinds");
    let currency = *CURRENCIES.choose(rng).expect("there are currencies");
    let amount = kind.starts_with("payment.").then(|| (rng.random_range(100..10_000), currency));
    let event = provider.event(kind, amount);
    demo.count_response("billing event", &send(demo, provider, &new_id(), &event).await, &[200]);
}

fn new_id() -> String {
    format!("msg_demo_{}", Uuid::now_v7().simple())
}

async fn send(demo: &Demo, provider: &Provider, id: &str, event: &Value) -> ApiResponse {
    let (body, seconds) = (event.to_string(), now_micros() / 1_000_000);
    let signature = sign(&provider.key, id, seconds, body.as_bytes());
    let request = demo.api.post_to(PATH).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let request = request.header(ID, id).header(TIMESTAMP, seconds.to_string()).header(SIGNATURE, signature);
    demo.api.send(request.body(body)).await
}
