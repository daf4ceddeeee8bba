//! Prometheus and StatsD carry the same numbers, to the last. One process of its own, since a recorder is global.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use belfry_telemetry::metric::{OneOf, Open};
use belfry_telemetry::{Identity, Telemetry, TelemetrySettings, catalogue, settings};
use belfry_test_support::eventually_blocking;
use belfry_test_support::statsd::Agent;
use http_body_util::BodyExt;
use tower::ServiceExt;

catalogue! {
    /// Orders taken.
    counter ORDERS_TOTAL = "shop_orders_total" { outcome: OneOf(&["paid", "cancelled"]), shop: Open };
    /// Energy used.
    float_counter ENERGY_TOTAL = "shop_energy_joules_total" {};
    /// Orders that wait.
    gauge QUEUE = "shop_queue" { shop: Open };
    /// The last temperature.
    reading TEMPERATURE = "shop_temperature_celsius" {};
    /// The last pressure.
    reading PRESSURE = "shop_pressure_pascals" {};
    /// Time to pack an order.
    histogram PACKING_SECONDS = "shop_packing_seconds" { shop: Open } buckets &[0.1, 1.0];
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn ask(router: &Router, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What an agent was sent, as the page shows it: sums of counters, last gauges, count and sum of histograms.
#[derive(Default)]
struct Sent(BTreeMap<String, f64>);

impl Sent {
    fn take(&mut self, datagram: &str) {
        assert!(datagram.len() <= 1432 && datagram.ends_with('\n'), "{datagram}");
        for line in datagram.lines() {
            let mut fields = line.split('|');
            let (name, value) = fields.next().unwrap().split_once(':').unwrap();
            let value: f64 = value.parse().unwrap();
            assert!(value.is_finite(), "{line}");
            let kind = fields.next().unwrap();
            let (mut labels, mut share) = (String::new(), 1.0);
            for field in fields {
                match field.split_at(1) {
                    ("#", tags) => {
                        let tags = tags.split(',').map(|tag| tag.split_once(':').unwrap());
                        let written: Vec<String> = tags.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                        labels = format!("{{{}}}", written.join(","));
                    }
                    ("@", given) => share = given.parse().unwrap(),
                    _ => panic!("{line}"),
                }
            }
            match kind {
                "c" => *self.0.entry(format!("{name}{labels}")).or_default() += value,
                "g" => drop(self.0.insert(format!("{name}{labels}"), value)),
                "d" => {
                    *self.0.entry(format!("{name}_count{labels}")).or_default() += 1.0 / share;
                    *self.0.entry(format!("{name}_sum{labels}")).or_default() += value / share;
                }
                _ => panic!("{line}"),
            }
        }
    }

    fn take_pending(&mut self, agent: &Agent, until: impl Fn(&Self) -> bool) {
        eventually_blocking("the agent is sent what the page shows", PATIENCE, || {
            while !until(self) {
                let Some(datagram) = agent.next_datagram(Duration::ZERO) else { return Err(format!("{:#?}", self.0)) };
                self.take(&datagram);
            }
            Ok(())
        });
    }
}

/// The page's series that do not move by themselves. Buckets are Prometheus's alone.
fn series(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| line.starts_with("shop_") || line.starts_with("http_"));
    let lines = lines.filter(|line| !line.contains("_bucket{"));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_carry_the_same_numbers_to_the_last() {
    let agent = Agent::start();
    let set = [("STATSD__ENABLED", "true"), ("STATSD__ADDRESS", agent.address()), ("STATSD__INTERVAL", "50ms")];
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings: TelemetrySettings = settings::read(set).unwrap();
    let (environment, instance) = ("test".to_owned(), "one".to_owned());
    let identity = Identity { service: "shop", version: "0", environment, instance };
    let telemetry = Telemetry::start(&identity, &settings, ROWS).unwrap();
    let router = telemetry.observe(Router::new().route("/order/{id}", get(async || "taken")));
    let mut sent = Sent::default();
    // Where it begins, since it could be older than the process.
    ENERGY_TOTAL.set(0.0);
    sent.take_pending(&agent, |sent| sent.0.contains_key("shop_energy_joules_total"));

    for round in 1..=20_u32 {
        ORDERS_TOTAL.with(("paid", "north, and |south")).increment(u64::from(round));
        ORDERS_TOTAL.with(("stolen", "north")).increment(1);
        ENERGY_TOTAL.set(f64::from(round) * 0.75);
        QUEUE.with("north").set(f64::from(round) - 7.5);
        TEMPERATURE.set(f64::from(round));
        PRESSURE.set(f64::from(round));
        for value in 0..50 {
            PACKING_SECONDS.with("north").record(f64::from(value) / 32.0);
        }
        ask(&router, "/order/7").await;
        ask(&router, "/nowhere").await;
        sent.take_pending(&agent, |sent| sent.0.contains_key("shop_temperature_celsius"));
    }
    // What is not known any more is not sent, and what comes last of all is.
    TEMPERATURE.forget(());
    let is_packed = |sent: &Sent| sent.0.get(r#"shop_packing_seconds_count{shop="north"}"#) == Some(&1000.0);
    sent.take_pending(&agent, is_packed);
    // A report that began before may still carry it. The one that carries the second of these began after.
    for pressure in [1000.0, 2000.0] {
        PRESSURE.set(pressure);
        sent.take_pending(&agent, |sent| sent.0["shop_pressure_pascals"] == pressure);
    }
    sent.0.remove("shop_temperature_celsius").unwrap();
    QUEUE.with("south").increment(3.0);
    ORDERS_TOTAL.with(("cancelled", "south")).increment(4);
    PACKING_SECONDS.with("south").record(0.5);
    let mut page = series(&ask(&router, "/metrics").await);
    assert!(telemetry.shut_down(PATIENCE).await);

    // The agent's tags cannot hold what separates them.
    let paid = page.remove(r#"shop_orders_total{outcome="paid",shop="north, and |south"}"#).unwrap();
    page.insert(r#"shop_orders_total{outcome="paid",shop="north_ and _south"}"#.to_owned(), paid);
    // Histograms without a value have no line.
    page.retain(|name, value| *value != 0.0 || !(name.contains("_count") || name.contains("_sum")));
    let of_page = |sent: &Sent| {
        let sent = sent.0.iter().filter(|(name, _)| name.starts_with("shop_") || name.starts_with("http_"));
        let mut sent: BTreeMap<String, f64> = sent.map(|(name, value)| (name.clone(), *value)).collect();
        sent.retain(|name, value| *value != 0.0 || !(name.contains("_count") || name.contains("_sum")));
        sent
    };
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(1.0);
    sent.take_pending(&agent, |sent| {
        let sent = of_page(sent);
        sent.len() == page.len()
            && sent.iter().zip(&page).all(|(sent, page)| sent.0 == page.0 && near(*sent.1, *page.1))
    });
    assert_eq!(page["shop_energy_joules_total"], 15.0);
    assert_eq!(page[r#"http_requests_total{method="GET",endpoint="/order/{id}",status="200"}"#], 20.0);
    assert!(!page.contains_key("shop_temperature_celsius"));
}
