//! Decimal numbers as text, read exactly.

use std::fmt;

/// A decimal number as it was sent, digit by digit, such as `0.00014` or `1.5e-07`: never by way of a float.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecimalText(String);

impl DecimalText {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DecimalText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}
