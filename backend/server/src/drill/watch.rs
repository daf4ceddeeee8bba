//! Follows alerts through a stack: inactive, pending, firing, delivered, resolved.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::receiver::Delivered;
use super::stack::Stack;

/// How often Prometheus and the receiver are looked at. What Prometheus has recorded meanwhile is not missed.
const POLL: Duration = Duration::from_millis(250);

/// How long an alert may take to be inactive before its fault.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// What a template that cannot be filled in becomes.
const BROKEN_TEMPLATE: &str = "<error expanding template";

/// An alert to follow.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub alert: String,
    /// Labels that it must have, and no others where `exact`.
    pub labels: BTreeMap<String, String>,
    /// Whether it may have no other labels.
    pub exact: bool,
    /// Whether it is pending before it fires.
    pub pends: bool,
    /// Whether it ever ends.
    pub resolves: bool,
}

/// When an alert reached each state, in seconds since its fault began.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timeline {
    /// Whether it was inactive before.
    pub inactive: bool,
    /// The condition holds.
    pub pending: Option<f64>,
    /// It has held long enough.
    pub firing: Option<f64>,
    /// The receiver has got it.
    pub delivered: Option<f64>,
    /// The receiver has got its end.
    pub resolved: Option<f64>,
    /// The receiver of Alertmanager's configuration to which it was routed.
    pub receiver: String,
    /// Why it did not get there.
    pub failure: Option<String>,
}

/// Limits on what is waited for.
pub struct Limits {
    /// From the fault to the last delivery.
    pub delivery: Duration,
    /// From the end of the fault to the last resolution.
    pub resolution: Duration,
}

impl Timeline {
    /// The last state that was reached.
    pub fn state(&self) -> &'static str {
        match self {
            Self { resolved: Some(_), .. } => "resolved",
            Self { delivered: Some(_), .. } => "delivered",
            Self { firing: Some(_), .. } => "firing",
            Self { pending: Some(_), .. } => "pending",
            _ => "inactive",
        }
    }
}

/// Waits, for a while, until none of these alerts is active: on a busy machine a target may have been slow just after the start.
pub async fn await_inactive(stack: &Stack, watched: &[Watched]) {
    let begin = Instant::now();
    while begin.elapsed() < SETTLED_WITHIN {
        if let Ok(active) = recorded(stack, Duration::ZERO).await
            && !watched.iter().any(|watched| watched.resolves && is_active(watched, &active))
        {
            return;
        }
        sleep(POLL).await;
    }
}

/// Follows alerts until all have resolved or a limit has passed. `fired` is cancelled when the fault may end.
pub async fn watch(
    stack: &Stack,
    watched: &[Watched],
    limits: &Limits,
    fired: &CancellationToken,
    changed: impl Fn(&str, &Timeline),
) -> Vec<Timeline> {
    let begin = Instant::now();
    let begin_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let before = recorded(stack, Duration::ZERO).await.unwrap_or_default();
    let untouched = |watched| Timeline { inactive: !is_active(watched, &before), ..Timeline::default() };
    let mut timelines: Vec<Timeline> = watched.iter().map(untouched).collect();
    let mut recovery = None;
    loop {
        sleep(POLL).await;
        // Prometheus may be too busy for an answer now and then; what it never says is missing at the end.
        let recorded = recorded(stack, begin.elapsed()).await.unwrap_or_default();
        let (delivered, invalid) = match stack.receiver.delivered() {
            Ok(delivered) => (delivered, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        for (watched, timeline) in watched.iter().zip(&mut timelines) {
            let before = timeline.state();
            timeline.failure = timeline.failure.take().or_else(|| invalid.clone());
            read_recorded(watched, timeline, &recorded, begin_epoch);
            read_delivered(watched, timeline, &delivered, begin);
            if timeline.state() != before {
                changed(&watched.alert, timeline);
            }
        }
        let all_delivered = timelines.iter().all(|timeline| timeline.delivered.is_some());
        if recovery.is_none() && (all_delivered || begin.elapsed() > limits.delivery) {
            recovery = Some(Instant::now());
            fired.cancel();
        }
        let ended = watched.iter().zip(&timelines).all(|(watched, timeline)| {
            timeline.resolved.is_some() || timeline.delivered.is_none() || !watched.resolves
        });
        if recovery.is_some_and(|at| ended || at.elapsed() > limits.resolution) {
            break;
        }
    }
    for (watched, timeline) in watched.iter().zip(&mut timelines) {
        if timeline.failure.is_none() {
            timeline.failure = missing(stack, watched, timeline, limits).await;
        }
    }
    timelines
}

/// The states of alerts as Prometheus has recorded them.
async fn recorded(stack: &Stack, elapsed: Duration) -> anyhow::Result<Vec<Value>> {
    stack.query(&format!("ALERTS[{}s]", elapsed.as_secs() + 2)).await
}

fn is_active(watched: &Watched, recorded: &[Value]) -> bool {
    recorded.iter().any(|series| is_watched(watched, &labels_of(&series["metric"])))
}

fn read_recorded(watched: &Watched, timeline: &mut Timeline, recorded: &[Value], begin: f64) {
    for series in recorded {
        if !is_watched(watched, &labels_of(&series["metric"])) {
            continue;
        }
        let times = series["values"].as_array().into_iter().flatten().filter_map(|sample| sample[0].as_f64());
        let Some(first) = times.map(|at| at - begin).find(|at| *at >= 0.0) else { continue };
        let reached =
            if series["metric"]["alertstate"] == "pending" { &mut timeline.pending } else { &mut timeline.firing };
        *reached = Some(reached.map_or(first, |sooner| sooner.min(first)));
    }
}

fn read_delivered(watched: &Watched, timeline: &mut Timeline, delivered: &[Delivered], begin: Instant) {
    for alert in delivered.iter().filter(|alert| is_watched(watched, &alert.labels) && alert.at >= begin) {
        let at = alert.at.duration_since(begin).as_secs_f64();
        if alert.status == "firing" && timeline.delivered.is_none() {
            timeline.delivered = Some(at);
            timeline.receiver.clone_from(&alert.receiver);
            let broken = alert.annotations.iter().find(|(_, text)| text.contains(BROKEN_TEMPLATE));
            timeline.failure = broken.map(|(name, text)| format!("its annotation {name} reads: {text}"));
        }
        if alert.status == "resolved" && timeline.delivered.is_some_and(|delivered| at > delivered) {
            timeline.resolved.get_or_insert(at);
        }
    }
}

fn is_watched(watched: &Watched, labels: &BTreeMap<String, String>) -> bool {
    labels.get("alertname") == Some(&watched.alert)
        && watched.labels.iter().all(|(label, value)| labels.get(label) == Some(value))
        && (!watched.exact || labels.len() == watched.labels.len() + 1)
}

fn labels_of(metric: &Value) -> BTreeMap<String, String> {
    let labels = metric.as_object().into_iter().flatten();
    let of_alert = labels.filter(|(label, _)| !matches!(label.as_str(), "__name__" | "alertstate"));
    of_alert.filter_map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned()))).collect()
}

/// What was not reached, and what can be told of why.
async fn missing(stack: &Stack, watched: &Watched, timeline: &Timeline, limits: &Limits) -> Option<String> {
    let within = |limit: Duration| format!("within {:.0} s", limit.as_secs_f64());
    if timeline.firing.is_none() {
        let seen =
            if timeline.pending.is_some() { "it was pending, and did not fire" } else { "its condition never held" };
        return Some(format!("{seen} {}", within(limits.delivery)));
    }
    if timeline.delivered.is_none() {
        let others = others_that_fire(stack, watched).await;
        return Some(format!("it fired, and was not delivered {}{others}", within(limits.delivery)));
    }
    if watched.pends && timeline.pending.is_none() {
        return Some("it fired without having been pending".to_owned());
    }
    (watched.resolves && timeline.resolved.is_none())
        .then(|| format!("it did not resolve {}", within(limits.resolution)))
}

/// Why Alertmanager may have kept an alert back, or which alert of that name has other labels.
async fn others_that_fire(stack: &Stack, watched: &Watched) -> String {
    let Ok(alerts) = stack.json(&format!("{}/api/v2/alerts", stack.alertmanager_url)).await else {
        return String::new();
    };
    let of_name = alerts.as_array().into_iter().flatten().filter(|alert| alert["labels"]["alertname"] == watched.alert);
    let told: Vec<String> = of_name.map(|alert| format!("{} {}", alert["labels"], alert["status"])).collect();
    if told.is_empty() {
        "; Alertmanager does not have it".to_owned()
    } else {
        format!("; Alertmanager has {}", told.join(", "))
    }
}
