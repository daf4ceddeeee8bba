//! The queries of the provisioned dashboards, as Grafana would send them, and those that may return nothing.

use serde_json::Value;

use crate::contracts::monitoring::{self, list};

pub(crate) struct Query {
    pub(crate) place: monitoring::Place,
    /// With the dashboard's variables filled in.
    pub(crate) expression: String,
    /// Asked for now, rather than for the time range of the dashboard.
    pub(crate) instant: bool,
    /// The type of its panel.
    pub(crate) kind: String,
}

/// The places that may show nothing: `dashboards/allowed-empty.yml`.
pub(crate) struct AllowedEmpty {
    /// Even with traffic.
    pub(crate) always: Vec<Value>,
    /// While what they measure has not happened.
    pub(crate) without_traffic: Vec<Value>,
}

impl AllowedEmpty {
    pub(crate) fn read() -> Self {
        let file = monitoring::yaml("dashboards/allowed-empty.yml");
        let [always, without_traffic] = ["always", "without_traffic"].map(|key| list(&file, key).to_vec());
        Self { always, without_traffic }
    }

    /// Whether a place may be empty though there is traffic.
    pub(crate) fn holds(&self, place: &monitoring::Place) -> bool {
        self.always.iter().any(|entry| place.is_named_by(entry))
    }

    /// Whether a place may be empty while nothing happens.
    pub(crate) fn holds_idle(&self, place: &monitoring::Place) -> bool {
        self.holds(place) || self.without_traffic.iter().any(|entry| place.is_named_by(entry))
    }
}

/// Every Prometheus query of every dashboard: panels, annotations and the lists behind variables.
pub(crate) fn queries() -> Vec<Query> {
    queries_of(".*")
}

/// The same with one service chosen.
pub(crate) fn queries_of(job: &str) -> Vec<Query> {
    let chosen = |query: monitoring::Query| Query {
        expression: query.chosen(job),
        instant: query.instant,
        kind: query.kind.clone(),
        place: query.place,
    };
    monitoring::queries().into_iter().map(chosen).collect()
}
