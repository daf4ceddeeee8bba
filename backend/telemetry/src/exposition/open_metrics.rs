//! What the OpenMetrics text format has beside the one in `text.rs`: the names of families, units, exemplars, and an end.
//!
//! A series has the same name and labels in all formats, so that a change of format breaks no query. So a counter whose
//! name has no `_total`, as libraries emit them, is of type `unknown`; and a bound is written `le="1"`, where the
//! specification advises `le="1.0"`: Prometheus 2 keeps what it is given, and Prometheus 3 writes `1.0` for all formats.
//! There are no `_created` lines: Prometheus would make a series of each.
//!
//! Source: the OpenMetrics 1.0 specification.

use std::fmt::Write as _;
use std::sync::PoisonError;

use metrics_exporter_prometheus::formatting;

use super::text;
use crate::metric::Kind;
use crate::registry::{Exemplar, Family, names};

/// The last line of a page, without which it counts as cut off.
pub(super) const END: &str = "# EOF\n";

/// Units that a name may end in.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Writes the comment lines of a family. `has_family` says whether another family has a name.
pub(super) fn write_head(text: &mut String, name: &str, family: &Family, has_family: impl Fn(&str) -> bool) {
    let is_counter = matches!(family.kind, Kind::Counter | Kind::FloatCounter);
    // The family of a counter is named without the suffix of its samples, unless that is the name of another family, or
    // of the lines of one.
    let is_free = |name: &str| {
        let of_lines = ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| name.strip_suffix(suffix));
        !has_family(name) && !of_lines.into_iter().any(&has_family)
    };
    let (name, kind) = match name.strip_suffix("_total").filter(|name| is_counter && is_free(name)) {
        Some(base) => (base, "counter"),
        None if is_counter => (name, "unknown"),
        None => (name, text::type_name(family.kind)),
    };
    formatting::write_type_line(text, name, None, None, kind);
    if let Some(unit) = UNITS.iter().find(|unit| name.strip_suffix(**unit).is_some_and(|rest| rest.ends_with('_'))) {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let help = family.help.read().unwrap_or_else(PoisonError::into_inner);
    if !help.is_empty() {
        // Here quotes are escaped in help as well, which the crate does in label values alone.
        let _ = writeln!(text, "# HELP {name} {}", formatting::sanitize_label_value(&names::unambiguous(&help)));
    }
}

/// Writes an exemplar after the value of its bucket: 63 characters of labels, of which 128 are allowed.
pub(super) fn write_exemplar(text: &mut String, exemplar: &Exemplar) {
    let (trace_id, span_id) = (exemplar.span.trace_hex(), exemplar.span.span_hex());
    let _ = write!(text, " # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} ");
    text::write_number(text, exemplar.value);
    let _ = write!(text, " {}.{:03}", exemplar.recorded_ms / 1000, exemplar.recorded_ms % 1000);
}
