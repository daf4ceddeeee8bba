//! The text of a message about an alert.

use jiff::Timestamp;

use crate::labels::Severity;

/// A message to people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// How bad it is.
    pub(super) severity: Severity,
    /// The part of the service that it is about.
    pub(super) component: &'a str,
    /// When it was written.
    pub(super) time: Timestamp,
    /// What there is to say.
    pub(super) text: &'a str,
}

impl Message<'_> {
    /// The message as plain text: level, component, time, a blank line, the text.
    ///
    /// ```text
    /// ❌ ERROR
    /// Component: scheduler
    /// Time: 2026-01-02 03:04:05 UTC
    ///
    /// A scheduled job fails again and again.
    /// ```
    pub(super) fn to_text(self) -> String {
        let Self { severity, component, time, text } = self;
        let emoji = match severity {
            Severity::Info => "ℹ️",
            Severity::Warning => "⚠️",
            Severity::Error => "❌",
            Severity::Critical => "🚨",
        };
        let level = severity.to_string().to_uppercase();
        let time = time.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!("{emoji} {level}\nComponent: {component}\nTime: {time}\n\n{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_its_emoji_and_the_time_is_utc() {
        let text = |severity| {
            let (component, text) = ("scheduler", "It fails.\nStill.");
            let time = "2026-01-02T04:04:05.9+01:00".parse().unwrap();
            Message { severity, component, time, text }.to_text()
        };
        let rest = "\nComponent: scheduler\nTime: 2026-01-02 03:04:05 UTC\n\nIt fails.\nStill.";
        assert_eq!(text(Severity::Info), format!("ℹ️ INFO{rest}"));
        assert_eq!(text(Severity::Warning), format!("⚠️ WARNING{rest}"));
        assert_eq!(text(Severity::Error), format!("❌ ERROR{rest}"));
        assert_eq!(text(Severity::Critical), format!("🚨 CRITICAL{rest}"));
    }
}
