//! The queries of the provisioned dashboards, as Grafana would send them, and those that may return nothing.

use serde_json::Value;

use crate::contracts::monitoring::{self, list, text};

pub(crate) struct Query {
    pub(crate) place: monitoring::Place,
    /// With the dashboard's variables filled in.
    pub(crate) expression: String,
    /// Asked for now, rather than for the time range of the dashboard.
    pub(crate) instant: bool,
}

/// The places that may show nothing even after traffic.
pub(crate) struct AllowedEmpty(Value);

impl AllowedEmpty {
    pub(crate) fn read() -> Self {
        Self(monitoring::yaml("dashboards/allowed-empty.yml"))
    }

    pub(crate) fn holds(&self, place: &monitoring::Place) -> bool {
        list(&self.0, "always").iter().any(|entry| place.is_named_by(entry) && text(entry, "reason").len() > 10)
    }
}

/// Every Prometheus query of every dashboard: panels, annotations and the lists behind variables.
pub(crate) fn queries() -> Vec<Query> {
    queries_of(".*")
}

/// The same with one service chosen.
pub(crate) fn queries_of(job: &str) -> Vec<Query> {
    let chosen =
        |query: monitoring::Query| Query { expression: query.chosen(job), instant: query.instant, place: query.place };
    monitoring::queries().into_iter().map(chosen).collect()
}
