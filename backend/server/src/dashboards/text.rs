//! JSON as the repository has it: keys in one order, and on one line what fits there, so that a small change is a small
//! difference.

use serde_json::{Map, Value};

/// Lines are this long at most, unless one text alone is longer.
const WIDTH: usize = 140;

/// Keys that come first, in this order, wherever they occur; all others follow by name.
const FIRST: [&str; 36] = [
    "refId",
    "id",
    "type",
    "uid",
    "name",
    "label",
    "title",
    "description",
    "gridPos",
    "collapsed",
    "url",
    "tags",
    "schemaVersion",
    "editable",
    "graphTooltip",
    "timezone",
    "refresh",
    "time",
    "timepicker",
    "datasource",
    "editorMode",
    "expr",
    "legendFormat",
    "queryType",
    "transformations",
    "fieldConfig",
    "defaults",
    "unit",
    "decimals",
    "min",
    "max",
    "noValue",
    "matcher",
    "properties",
    "links",
    "annotations",
];

/// Keys that come last.
const LAST: [&str; 2] = ["templating", "panels"];

/// The text of a file.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(&mut out, value, 0, 0);
    out.push('\n');
    out
}

/// `before` is how many characters of the line are taken, besides the indentation.
fn append(out: &mut String, value: &Value, depth: usize, before: usize) {
    let is_leaf = match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => true,
    };
    // One less for the comma.
    let room = if is_leaf { usize::MAX } else { WIDTH.saturating_sub(2 * depth + before + 1) };
    if let Some(short) = on_one_line(value, room) {
        out.push_str(&short);
        return;
    }
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    out.push(open);
    let mut is_first = true;
    let mut next = |out: &mut String, head: &str, value: &Value| {
        out.push_str(if is_first { "\n" } else { ",\n" });
        is_first = false;
        out.extend(std::iter::repeat_n("  ", depth + 1));
        out.push_str(head);
        append(out, value, depth + 1, head.chars().count());
    };
    match value {
        Value::Object(map) => ordered(map).into_iter().for_each(|(key, value)| next(out, &head(key), value)),
        Value::Array(list) => list.iter().for_each(|value| next(out, "", value)),
        _ => {}
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
    out.push(close);
}

/// The value on one line, if it has no more characters than these.
fn on_one_line(value: &Value, room: usize) -> Option<String> {
    let (open, close, inner): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(map) => ('{', '}', ordered(map).into_iter().map(|(key, value)| (head(key), value)).collect()),
        Value::Array(list) => ('[', ']', list.iter().map(|value| (String::new(), value)).collect()),
        other => return Some(other.to_string()).filter(|text| text.chars().count() <= room),
    };
    let mut line = String::from(open);
    for (index, (head, value)) in inner.into_iter().enumerate() {
        line.push_str(if index == 0 { "" } else { ", " });
        line.push_str(&head);
        // What is certainly too long need not be written to its end.
        let left = room.checked_sub(line.chars().count())?;
        line.push_str(&on_one_line(value, left)?);
    }
    line.push(close);
    Some(line).filter(|line| line.chars().count() <= room)
}

fn head(key: &str) -> String {
    format!("{}: ", Value::from(key))
}

fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| {
        let first = FIRST.iter().position(|known| *known == key);
        first.or_else(|| Some(FIRST.len() + 1 + LAST.iter().position(|known| *known == key)?)).unwrap_or(FIRST.len())
    };
    let mut fields: Vec<(&String, &Value)> = map.iter().collect();
    fields.sort_by(|(left, _), (right, _)| (rank(left), left).cmp(&(rank(right), right)));
    fields
}
