//! Rows of a price file as text.

use std::fmt::Write;

use super::keys::Place;

/// The prices of one model, in order of service tier, size and bucket.
pub(super) type PriceTexts = std::collections::BTreeMap<Place, String>;

/// A text in quotes, as TOML escapes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// A `[[model]]`.
pub(super) fn model(
    id: &str,
    name: &str,
    providers: &[&str],
    source: &str,
    effective: &str,
    prices: &PriceTexts,
) -> String {
    let mut text = format!("\n[[model]]\nid = {}\nnames = [{}]\n", quoted(id), quoted(name));
    if !providers.is_empty() {
        let quoted: Vec<String> = providers.iter().map(|provider| quoted(provider)).collect();
        let _ = writeln!(text, "providers = [{}]", quoted.join(", "));
    }
    let _ = writeln!(text, "source = {}\nprices = [", quoted(source));
    let mut services: Vec<&str> = prices.keys().map(|place| place.service.as_str()).collect();
    services.dedup();
    for service in services {
        let of_service =
            |above: u64| prices.iter().filter(move |(place, _)| place.service == service && place.above == above);
        let mut sizes: Vec<u64> = prices
            .keys()
            .filter(|place| place.service == service && place.above > 0)
            .map(|place| place.above)
            .collect();
        sizes.dedup();
        let tiers: Vec<String> = sizes
            .into_iter()
            .map(|above| format!("{{ prompt_tokens = {above}, {} }}", pairs(of_service(above))))
            .collect();
        let named = if service.is_empty() { String::new() } else { format!(" service = {},", quoted(service)) };
        let above = if tiers.is_empty() { String::new() } else { format!(", above = [{}]", tiers.join(", ")) };
        let _ = writeln!(text, "  {{ from = {},{named} {}{above} }},", quoted(effective), pairs(of_service(0)));
    }
    text + "]\n"
}

fn pairs<'a>(prices: impl Iterator<Item = (&'a Place, &'a String)>) -> String {
    let pairs: Vec<String> =
        prices.map(|(place, price)| format!("{} = {}", place.bucket.key(), quoted(price))).collect();
    pairs.join(", ")
}
