//! Counts of responses by action and status, and the first unexpected ones in full.

use std::collections::BTreeMap;
use std::fmt;

use super::api::ApiResponse;

/// Unexpected responses kept in full; further ones are only counted.
const SHOWN: usize = 10;

/// Counts of responses.
#[derive(Default)]
pub struct ResponseCounts {
    actions: BTreeMap<&'static str, Counts>,
    unexpected_details: Vec<String>,
}

#[derive(Default)]
struct Counts {
    expected: usize,
    unexpected: usize,
    responses: BTreeMap<String, usize>,
}

impl ResponseCounts {
    /// Counts a response and says whether its status was expected.
    pub fn count_response(&mut self, action: &'static str, response: &ApiResponse, expected: &[u16]) -> bool {
        let word = response.status.map_or("no response".to_owned(), |status| status.to_string());
        let is_expected = response.status.is_some_and(|status| expected.contains(&status));
        let wanted: Vec<String> = expected.iter().map(u16::to_string).collect();
        self.count(action, &word, is_expected, || format!("expected {}; {}", wanted.join(" or "), response.detail));
        is_expected
    }

    /// Counts how something ended; `why` is called only when that was not expected.
    pub fn count(&mut self, action: &'static str, response: &str, is_expected: bool, why: impl FnOnce() -> String) {
        let counts = self.actions.entry(action).or_default();
        *counts.responses.entry(response.to_owned()).or_default() += 1;
        if is_expected {
            counts.expected += 1;
            return;
        }
        counts.unexpected += 1;
        if self.unexpected_details.len() < SHOWN {
            self.unexpected_details.push(format!("{action}: {response}, {}", why()));
        }
    }

    /// All responses.
    pub fn total(&self) -> usize {
        self.actions.values().map(|counts| counts.expected + counts.unexpected).sum()
    }

    /// Responses that were not the expected ones.
    pub fn unexpected(&self) -> usize {
        self.actions.values().map(|counts| counts.unexpected).sum()
    }
}

impl fmt::Display for ResponseCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28} {:>8} {:>10}  responses", "action", "expected", "unexpected")?;
        for (action, counts) in &self.actions {
            let responses: Vec<String> =
                counts.responses.iter().map(|(response, count)| format!("{response} ×{count}")).collect();
            writeln!(f, "{action:<28} {:>8} {:>10}  {}", counts.expected, counts.unexpected, responses.join(", "))?;
        }
        writeln!(f, "{:<28} {:>8} {:>10}", "all", self.total() - self.unexpected(), self.unexpected())?;
        for detail in &self.unexpected_details {
            writeln!(f, "unexpected: {detail}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_a_status_the_action_provokes_is_expected() {
        let mut counts = ResponseCounts::default();
        let response = |status| ApiResponse { status, body: Value::Null, detail: "a detail".to_owned() };
        assert!(counts.count_response("upload, bad", &response(Some(422)), &[422]));
        assert!(!counts.count_response("upload, bad", &response(Some(201)), &[422]));
        assert!(!counts.count_response("upload, bad", &response(None), &[422]));
        assert_eq!((counts.total(), counts.unexpected()), (3, 2));
        let text = counts.to_string();
        assert!(text.contains("201 ×1, 422 ×1, no response ×1"), "{text}");
        assert!(text.contains("unexpected: upload, bad: 201, expected 422; a detail"), "{text}");
    }
}
