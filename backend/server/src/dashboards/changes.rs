//! What a pull changed, in words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{list_of, name_of, text_of};

/// One line for the whole.
pub(super) fn summary(before: Option<&Value>, after: &Value) -> String {
    match before {
        None => format!("new, {} panels", panels(after).len()),
        Some(before) if before == after => "unchanged".to_owned(),
        Some(_) => "changed".to_owned(),
    }
}

/// A line for each part that is new, gone or another.
pub(super) fn list(before: Option<&Value>, after: &Value) -> Vec<String> {
    let Some(before) = before else { return Vec::new() };
    let mut changes = Vec::new();
    let keys: BTreeSet<&String> =
        [before, after].iter().filter_map(|one| one.as_object()).flat_map(|map| map.keys()).collect();
    let parts = ["panels", "templating", "annotations"];
    for key in keys.into_iter().filter(|key| !parts.contains(&key.as_str()) && before[*key] != after[*key]) {
        changes.push(format!("{key}: {} is now {}", before[key], after[key]));
    }
    let named = |dashboard: &Value, part: &str, word: &str| -> BTreeMap<String, Value> {
        let entries = list_of(&dashboard[part], "list").iter();
        entries.map(|entry| (format!("{word} {:?}", text_of(entry, "name")), entry.clone())).collect()
    };
    for (part, word) in [("templating", "variable"), ("annotations", "annotation")] {
        compare(named(before, part, word), named(after, part, word), &mut changes);
    }
    compare(panels(before), panels(after), &mut changes);
    if changes.is_empty() && before != after {
        changes.push("another order".to_owned());
    }
    changes
}

/// By id, under the title that each has.
fn panels(dashboard: &Value) -> BTreeMap<String, Value> {
    let within = |panel: &Value| -> Vec<Value> {
        let mut alone = panel.clone();
        let inner = alone.as_object_mut().and_then(|map| map.remove("panels"));
        let inner = inner.and_then(|inner| inner.as_array().cloned()).unwrap_or_default();
        std::iter::once(alone).chain(inner).collect()
    };
    let all = list_of(dashboard, "panels").iter().flat_map(within);
    all.map(|panel| (panel["id"].to_string(), panel)).collect()
}

fn compare(before: BTreeMap<String, Value>, after: BTreeMap<String, Value>, changes: &mut Vec<String>) {
    let called = |key: &String, value: &Value| if value["id"].is_u64() { name_of(value) } else { key.clone() };
    for (key, old) in &before {
        match after.get(key) {
            None => changes.push(format!("{}: gone", called(key, old))),
            Some(new) if new != old => {
                let fields: BTreeSet<&String> =
                    [old, new].iter().filter_map(|one| one.as_object()).flat_map(|map| map.keys()).collect();
                let other: Vec<&str> =
                    fields.into_iter().filter(|field| old[*field] != new[*field]).map(String::as_str).collect();
                changes.push(format!("{}: {}", called(key, new), other.join(", ")));
            }
            Some(_) => {}
        }
    }
    let new = after.iter().filter(|(key, _)| !before.contains_key(*key));
    changes.extend(new.map(|(key, value)| format!("{}: new", called(key, value))));
}
