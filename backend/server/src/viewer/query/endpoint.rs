//! What may be asked of each source: the list of paths, each with its parameters.
//!
//! A path is compared as it was sent. Nothing is decoded or resolved, so `%2e%2e`, `..;`, `%2f`, a doubly encoded slash or a
//! backslash is only another path that is not on the list; and what a source is asked is written here, not taken from the
//! request. The one part that a client chooses is the name of a label, of letters, digits and `_`.

use axum::http::StatusCode;

use super::parameters::{Kind, Parameter};
use crate::error::{Error, Result};
use crate::labels::QuerySource;
use crate::request::shown;

/// The longest name of a label.
const MAX_LABEL_NAME_BYTES: usize = 256;

/// Stands for the name of a label.
const NAME: &str = "{name}";

/// What is asked.
pub(super) struct Endpoint {
    /// The source that is asked.
    pub source: QuerySource,
    /// The source's own path with `{name}` in place of a label's name: what calls are counted under.
    pub template: &'static str,
    /// The source's own path.
    pub path: String,
    /// What may be said with it.
    pub parameters: &'static [Parameter],
    /// Whether the parameters may come as a form, as long ones must.
    pub takes_forms: bool,
}

impl Endpoint {
    /// The endpoint of a path such as `prometheus/label/job/values`.
    ///
    /// # Errors
    /// 404 `query_path_not_allowed`.
    pub fn find(path: &str) -> Result<Self> {
        let (source, rest) = path.split_once('/').unwrap_or((path, ""));
        let found = LIST.iter().filter(|listed| <&str>::from(listed.source) == source).find_map(|listed| {
            let name = label_name(listed.path, rest)?;
            Some(Self {
                source: listed.source,
                template: listed.template,
                path: listed.template.replace(NAME, name),
                parameters: listed.parameters,
                takes_forms: listed.takes_forms,
            })
        });
        found.ok_or_else(|| {
            let of_source = LIST.iter().filter(|listed| <&str>::from(listed.source) == source);
            let mut expected: Vec<&str> = of_source.map(|listed| listed.path).collect();
            let place = if expected.is_empty() {
                expected = vec!["prometheus", "loki", "alertmanager"];
                "source"
            } else {
                "path"
            };
            let detail = format!("{place}: found {}, expected one of {}", shown(path), expected.join(", "));
            Error::Query { status: StatusCode::NOT_FOUND, code: "query_path_not_allowed", detail }
        })
    }
}

/// The label's name in a path that is as listed; empty where the listed path has none. Nothing for another path.
fn label_name<'p>(listed: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = listed.split_once(NAME) else { return (listed == path).then_some("") };
    path.strip_prefix(before)?.strip_suffix(after).filter(|name| is_label_name(name))
}

/// The data models of Prometheus and Loki. Other names of Prometheus 3 are written in these characters too, as `U__...`.
fn is_label_name(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let goes_on = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    begins && goes_on && name.len() <= MAX_LABEL_NAME_BYTES
}

/// A path that may be asked.
struct Listed {
    source: QuerySource,
    /// Below the source's name, as pages ask it.
    path: &'static str,
    template: &'static str,
    parameters: &'static [Parameter],
    takes_forms: bool,
}

const fn get(
    source: QuerySource,
    path: &'static str,
    template: &'static str,
    parameters: &'static [Parameter],
) -> Listed {
    Listed { source, path, template, parameters, takes_forms: false }
}

impl Listed {
    const fn or_form(self) -> Self {
        Self { takes_forms: true, ..self }
    }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: false }
}

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: true }
}

const BOOLEAN: Kind = Kind::OneOf(&["true", "false"]);
const DIRECTION: Parameter = optional("direction", Kind::OneOf(&["forward", "backward"]));
const START: Parameter = optional("start", Kind::Start);
const END: Parameter = optional("end", Kind::End);
const LIMIT: Parameter = optional("limit", Kind::Limit);
const MATCH: Parameter = optional("match[]", Kind::Texts);
const QUERY: Parameter = required("query", Kind::Text);

const TIMEOUT: Parameter = optional("timeout", Kind::Timeout);

const NOTHING: &[Parameter] = &[];

const PROMETHEUS_QUERY: &[Parameter] = &[QUERY, optional("time", Kind::Time), LIMIT, TIMEOUT];
const PROMETHEUS_RANGE: &[Parameter] =
    &[QUERY, required("start", Kind::Start), required("end", Kind::End), required("step", Kind::Step), LIMIT, TIMEOUT];
const PROMETHEUS_LISTS: &[Parameter] = &[START, END, LIMIT, MATCH];
const PROMETHEUS_SERIES: &[Parameter] = &[required("match[]", Kind::Texts), START, END, LIMIT];
const PROMETHEUS_TARGETS: &[Parameter] =
    &[optional("state", Kind::OneOf(&["active", "dropped", "any"])), optional("scrapePool", Kind::Text)];
const PROMETHEUS_RULES: &[Parameter] = &[
    optional("type", Kind::OneOf(&["alert", "record"])),
    optional("rule_name[]", Kind::Texts),
    optional("rule_group[]", Kind::Texts),
    optional("file[]", Kind::Texts),
    optional("exclude_alerts", BOOLEAN),
    MATCH,
];

const LOKI_QUERY: &[Parameter] = &[QUERY, optional("time", Kind::Time), LIMIT, DIRECTION];
const LOKI_RANGE: &[Parameter] = &[QUERY, START, END, optional("step", Kind::Step), LIMIT, DIRECTION];
const LOKI_LISTS: &[Parameter] = &[START, END, optional("query", Kind::Text)];
const LOKI_SERIES: &[Parameter] = &[MATCH, START, END];

const ALERTS: &[Parameter] = &[
    optional("active", BOOLEAN),
    optional("silenced", BOOLEAN),
    optional("inhibited", BOOLEAN),
    optional("unprocessed", BOOLEAN),
    optional("filter", Kind::Texts),
    optional("receiver", Kind::Text),
];
const SILENCES: &[Parameter] = &[optional("filter", Kind::Texts)];

const PROMETHEUS: QuerySource = QuerySource::Prometheus;
const LOKI: QuerySource = QuerySource::Loki;
const ALERTMANAGER: QuerySource = QuerySource::Alertmanager;

static LIST: &[Listed] = &[
    get(PROMETHEUS, "query", "/api/v1/query", PROMETHEUS_QUERY).or_form(),
    get(PROMETHEUS, "query_range", "/api/v1/query_range", PROMETHEUS_RANGE).or_form(),
    get(PROMETHEUS, "labels", "/api/v1/labels", PROMETHEUS_LISTS),
    get(PROMETHEUS, "label/{name}/values", "/api/v1/label/{name}/values", PROMETHEUS_LISTS),
    get(PROMETHEUS, "series", "/api/v1/series", PROMETHEUS_SERIES),
    get(PROMETHEUS, "targets", "/api/v1/targets", PROMETHEUS_TARGETS),
    get(PROMETHEUS, "rules", "/api/v1/rules", PROMETHEUS_RULES),
    get(PROMETHEUS, "alerts", "/api/v1/alerts", NOTHING),
    get(PROMETHEUS, "status/buildinfo", "/api/v1/status/buildinfo", NOTHING),
    get(LOKI, "query", "/loki/api/v1/query", LOKI_QUERY).or_form(),
    get(LOKI, "query_range", "/loki/api/v1/query_range", LOKI_RANGE).or_form(),
    get(LOKI, "labels", "/loki/api/v1/labels", LOKI_LISTS),
    get(LOKI, "label/{name}/values", "/loki/api/v1/label/{name}/values", LOKI_LISTS),
    get(LOKI, "series", "/loki/api/v1/series", LOKI_SERIES),
    get(ALERTMANAGER, "alerts", "/api/v2/alerts", ALERTS),
    get(ALERTMANAGER, "silences", "/api/v2/silences", SILENCES),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str) -> Option<String> {
        Endpoint::find(path).ok().map(|endpoint| endpoint.path)
    }

    #[test]
    fn what_is_listed_is_asked_at_the_sources_own_path() {
        let cases = [
            ("prometheus/query", "/api/v1/query"),
            ("prometheus/query_range", "/api/v1/query_range"),
            ("prometheus/label/__name__/values", "/api/v1/label/__name__/values"),
            ("prometheus/status/buildinfo", "/api/v1/status/buildinfo"),
            ("loki/label/level/values", "/loki/api/v1/label/level/values"),
            ("alertmanager/silences", "/api/v2/silences"),
        ];
        for (path, expected) in cases {
            assert_eq!(asked(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn nothing_else_is_asked() {
        let long = format!("prometheus/label/{}/values", "a".repeat(MAX_LABEL_NAME_BYTES + 1));
        let others = [
            "",
            "/",
            "prometheus",
            "prometheus/",
            "prometheus//query",
            "prometheus/query/",
            "prometheus/Query",
            "Prometheus/query",
            "tempo/query",
            "prometheus/admin/tsdb/delete_series",
            "prometheus/status/config",
            "prometheus/write",
            "prometheus/format_query",
            "loki/push",
            "loki/delete",
            "loki/targets",
            "alertmanager/silence/1",
            // It shows the configuration, and the passwords in it.
            "alertmanager/status",
            "prometheus/%71uery",
            "prometheus/../admin",
            "prometheus/label/../values",
            "prometheus/label/..%2f..%2fadmin/values",
            "prometheus/label/%2e%2e/values",
            "prometheus/label/%252e%252e%252f/values",
            "prometheus/label/..;/values",
            "prometheus/label/a/b/values",
            "prometheus/label/a%00/values",
            "prometheus/label/a%0d%0aX:y/values",
            "prometheus/label/a?b/values",
            "prometheus/label/a#b/values",
            "prometheus/label/a\\b/values",
            "prometheus/label/a@b/values",
            "prometheus/label/1a/values",
            "prometheus/label/ä/values",
            "prometheus/label//values",
            "prometheus/label/values",
            &long,
        ];
        for path in others {
            assert_eq!(asked(path), None, "{path}");
        }
    }

    #[test]
    fn only_what_reads_is_listed_and_each_path_once() {
        let mut paths: Vec<(&str, &str)> = LIST.iter().map(|listed| (listed.source.into(), listed.path)).collect();
        assert_eq!(paths.len(), 16);
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), LIST.len());
    }
}
