//! What Grafana writes besides what a file says, by the place where it does: defaults, and traces of one installation.

use serde_json::{Map, Value, json};

/// A part of a dashboard.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Dashboard,
    DashboardLink,
    Annotation,
    Variable,
    Panel,
    Target,
    FieldDefaults,
    Custom,
    Options,
    Legend,
    Tooltip,
    CellOptions,
}

/// Takes out what is no decision of anybody's. `kind` is the type of the panel, of the variable or of the link.
pub(super) fn drop_defaults(map: &mut Map<String, Value>, part: Part, kind: &str) {
    for key in traces(part) {
        map.remove(*key);
    }
    for (key, default) in common(part).into_iter().chain(special(part, kind)) {
        if map.get(key) == Some(&default) {
            map.remove(key);
        }
    }
}

/// What says where and when a dashboard was saved, or is made anew of the rest.
fn traces(part: Part) -> &'static [&'static str] {
    match part {
        Part::Dashboard => &[
            "id",
            "version",
            "iteration",
            "gnetId",
            "revision",
            "snapshot",
            "style",
            "hideControls",
            "meta",
            "__inputs",
            "__requires",
            "__elements",
        ],
        // Grafana makes the options of the query, whatever the type.
        Part::Variable => &["options"],
        Part::Panel => &["pluginVersion", "scopedVars", "repeatPanelId", "repeatIteration", "renderer"],
        _ => &[],
    }
}

fn common(part: Part) -> Vec<(&'static str, Value)> {
    match part {
        Part::Dashboard => vec![
            ("weekStart", json!("")),
            ("fiscalYearStartMonth", json!(0)),
            ("liveNow", json!(false)),
            ("preload", json!(false)),
            ("sharedCrosshair", json!(false)),
        ],
        Part::DashboardLink => vec![],
        Part::Annotation => vec![
            ("hide", json!(false)),
            ("builtIn", json!(0)),
            ("filter", json!({"exclude": false, "ids": []})),
            ("target", json!({"limit": 100, "matchAny": false, "tags": [], "type": "dashboard"})),
        ],
        Part::Variable => vec![
            ("hide", json!(0)),
            ("sort", json!(0)),
            ("skipUrlSync", json!(false)),
            ("regex", json!("")),
            ("regexApplyTo", json!("value")),
            ("allowCustomValue", json!(true)),
            ("multi", json!(false)),
            ("includeAll", json!(false)),
            ("allValue", json!("")),
            ("allValue", Value::Null),
            ("label", json!("")),
            ("description", json!("")),
            ("staticOptions", json!([])),
            ("valuesFormat", json!("csv")),
        ],
        Part::Panel => vec![
            ("transparent", json!(false)),
            ("description", json!("")),
            ("links", json!([])),
            ("transformations", json!([])),
            ("maxDataPoints", Value::Null),
            ("interval", Value::Null),
            ("timeFrom", Value::Null),
            ("timeShift", Value::Null),
            ("cacheTimeout", Value::Null),
            ("datasource", Value::Null),
            ("hideTimeOverride", json!(false)),
        ],
        Part::Target => vec![
            ("hide", json!(false)),
            ("exemplar", json!(false)),
            ("instant", json!(false)),
            ("range", json!(false)),
            ("format", json!("time_series")),
            ("interval", json!("")),
            ("intervalFactor", json!(1)),
            ("useBackend", json!(false)),
            ("disableTextWrap", json!(false)),
            ("fullMetaSearch", json!(false)),
            ("includeNullMetadata", json!(true)),
            ("direction", json!("backward")),
        ],
        Part::FieldDefaults => vec![
            ("displayName", json!("")),
            ("fieldMinMax", json!(false)),
            ("links", json!([])),
            ("actions", json!([])),
            ("custom", json!({})),
        ],
        Part::Custom => vec![
            ("axisBorderShow", json!(false)),
            ("axisCenteredZero", json!(false)),
            ("axisColorMode", json!("text")),
            ("barAlignment", json!(0)),
            ("barWidthFactor", json!(0.6)),
            ("hideFrom", json!({"legend": false, "tooltip": false, "viz": false})),
            ("insertNulls", json!(false)),
            ("lineStyle", json!({"fill": "solid"})),
            ("showValues", json!(false)),
            ("wrapText", json!(false)),
            ("footer", json!({"reducers": []})),
        ],
        Part::Options => vec![("annotations", json!({"clustering": -1, "multiLane": false}))],
        Part::Legend => vec![
            ("enableFacetedFilter", json!(false)),
            ("facetedFilterPinned", json!(false)),
            ("overflow", json!("ellipsis")),
        ],
        Part::Tooltip => vec![("hideZeros", json!(false))],
        Part::CellOptions => vec![("applyToRow", json!(false)), ("wrapText", json!(false))],
    }
}

fn special(part: Part, kind: &str) -> Vec<(&'static str, Value)> {
    match (part, kind) {
        (Part::DashboardLink, "dashboards") => vec![("url", json!(""))],
        // Of a timeseries these are decisions, which every file has.
        (Part::Custom, "state-timeline" | "status-history" | "table") => {
            vec![("spanNulls", json!(false)), ("axisPlacement", json!("auto")), ("axisLabel", json!(""))]
        }
        (Part::Custom, "heatmap" | "piechart") => vec![("scaleDistribution", json!({"type": "linear"}))],
        (Part::Panel, "text" | "row") => vec![("targets", json!([]))],
        (Part::Options, "stat") => vec![
            ("percentChangeColorMode", json!("standard")),
            ("showPercentChange", json!(false)),
            ("wideLayout", json!(true)),
        ],
        (Part::Options, "gauge") => vec![
            ("minVizHeight", json!(75)),
            ("minVizWidth", json!(75)),
            ("barShape", json!("flat")),
            ("barWidthFactor", json!(0.5)),
            ("effects", json!({})),
            ("endpointMarker", json!("point")),
            ("segmentCount", json!(1)),
            ("segmentSpacing", json!(0.3)),
            ("shape", json!("gauge")),
            ("sparkline", json!(true)),
            ("textMode", json!("auto")),
        ],
        (Part::Options, "bargauge") => vec![
            ("maxVizHeight", json!(300)),
            ("minVizHeight", json!(16)),
            ("minVizWidth", json!(8)),
            ("legend", json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false})),
        ],
        (Part::Options, "table") => vec![
            ("frameIndex", json!(0)),
            ("showTypeIcons", json!(false)),
            ("enablePagination", json!(false)),
            ("sortBy", json!([])),
            ("footer", json!({"countRows": false, "fields": "", "reducer": ["sum"], "show": false})),
        ],
        (Part::Options, "heatmap") => {
            vec![("exemplars", json!({"color": "rgba(255,0,255,0.7)"})), ("selectionMode", json!("x"))]
        }
        (Part::Options, "piechart") => vec![("sort", json!("desc"))],
        (Part::Options, "state-timeline" | "status-history") => vec![("perPage", json!(20))],
        (Part::Options, "logs") => vec![
            ("displayedFields", json!([])),
            ("showControls", json!(false)),
            ("enableInfiniteScrolling", json!(false)),
            ("syntaxHighlighting", json!(true)),
            ("fontSize", json!("default")),
            ("timestampResolution", json!("ms")),
            ("detailsMode", json!("inline")),
            ("unwrappedColumns", json!(false)),
        ],
        _ => vec![],
    }
}
