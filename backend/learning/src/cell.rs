//! What one cell of a table holds. The profile shown at upload and the table a model learns from both read cells
//! through here, so that they cannot disagree.

use serde::{Deserialize, Serialize};

/// The greatest magnitude a number may have in training; beyond it optimisers lose their digits, or never end.
pub const MAX_MAGNITUDE: f64 = 1e12;

/// Distinct texts a column may have and still be learned from.
pub(crate) const MAX_LEVELS: usize = 256;

/// What stands before the decimals of a column's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// `3.14`.
    #[default]
    Point,
    /// `3,14`.
    Comma,
}

impl DecimalMark {
    pub(crate) fn is_point(&self) -> bool {
        *self == Self::Point
    }
}

/// The texts that denote a missing value, in lower case; the comparison ignores case.
pub const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "?", "-"];

/// Bytes of the longest of them.
pub(crate) const LONGEST_MISSING: usize = 4;

/// A decimal of at most this many digits and no exponent is finite whatever its digits: the greatest `f64` has 309.
pub(crate) const SURELY_FINITE: usize = 300;

/// Whether a trimmed cell denotes a missing value.
pub fn is_missing(cell: &[u8]) -> bool {
    // By length, because most cells are compared with none of them then.
    match cell.len() {
        0 => true,
        1 => matches!(cell, b"?" | b"-"),
        2 => cell.eq_ignore_ascii_case(b"na"),
        3 => cell.eq_ignore_ascii_case(b"n/a") || cell.eq_ignore_ascii_case(b"nan"),
        4 => cell.eq_ignore_ascii_case(b"null") || cell.eq_ignore_ascii_case(b"none"),
        _ => false,
    }
}

/// The value of a trimmed cell that holds a finite number.
pub fn number(cell: &[u8]) -> Option<f64> {
    any_number(cell).filter(|value| value.is_finite())
}

/// The value of a trimmed cell that holds a number, which may be infinite: `inf`, or one too large for an `f64`.
pub(crate) fn any_number(cell: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// The value of a trimmed cell that holds a finite number with this mark before its decimals.
pub fn number_with(cell: &[u8], mark: DecimalMark) -> Option<f64> {
    match mark {
        DecimalMark::Point => number(cell),
        DecimalMark::Comma => number_with_comma(cell),
    }
}

/// The same with a decimal comma: `3,14`, or a whole number. One with a point is none.
pub(crate) fn number_with_comma(cell: &[u8]) -> Option<f64> {
    if memchr::memchr(b'.', cell).is_some() {
        return None;
    }
    let Some(comma) = memchr::memchr(b',', cell) else { return number(cell) };
    let mut text = cell.to_vec();
    text[comma] = b'.';
    // A second comma is left, and no part of a number.
    number(&text)
}

/// Whether a trimmed cell may be a whole number with a mark before its thousands as well as a number with three decimals:
/// `1,234`, but neither `0,234` nor `1234,567`.
pub(crate) fn may_be_thousands(cell: &[u8], mark: u8) -> bool {
    let digits = cell.strip_prefix(b"-").or(cell.strip_prefix(b"+")).unwrap_or(cell);
    let Some(at) = memchr::memchr(mark, digits) else { return false };
    let (whole, decimals) = (&digits[..at], &digits[at + 1..]);
    matches!(whole, [b'1'..=b'9', rest @ ..] if rest.len() < 3 && rest.iter().all(u8::is_ascii_digit))
        && decimals.len() == 3
        && decimals.iter().all(u8::is_ascii_digit)
}

/// The value of a trimmed cell that holds true, false, yes or no in any case.
pub fn boolean(cell: &[u8]) -> Option<bool> {
    match cell.len() {
        2 if cell.eq_ignore_ascii_case(b"no") => Some(false),
        3 if cell.eq_ignore_ascii_case(b"yes") => Some(true),
        4 if cell.eq_ignore_ascii_case(b"true") => Some(true),
        5 if cell.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_finite_number_is_none() {
        assert_eq!(number(b"1e5"), Some(1e5));
        for cell in ["inf", "-infinity", "nan", "1e999", "1,5", "0x10", "1_000"] {
            assert_eq!(number(cell.as_bytes()), None, "{cell}");
        }
    }

    #[test]
    fn a_decimal_comma_is_read_as_a_point_would_be() {
        for (cell, value) in [("3,25", 3.25), ("-0,5", -0.5), (",5", 0.5), ("7", 7.0), ("1,5e3", 1500.0), ("1,", 1.0)] {
            assert_eq!(number_with(cell.as_bytes(), DecimalMark::Comma), Some(value), "{cell}");
        }
        for cell in ["3.14", "1.234,5", "1,234,567", ",", "1,x", "inf", "1e999"] {
            assert_eq!(number_with(cell.as_bytes(), DecimalMark::Comma), None, "{cell}");
        }
    }

    #[test]
    fn thousands_have_three_digits_behind_and_no_zero_in_front() {
        for cell in ["1,234", "-12,345", "+123,456"] {
            assert!(may_be_thousands(cell.as_bytes(), b','), "{cell}");
        }
        for cell in ["0,234", "1234,567", "1,23", "1,2345", ",123", "12", "1,23x", "a,123", "1.234"] {
            assert!(!may_be_thousands(cell.as_bytes(), b','), "{cell}");
        }
    }

    #[test]
    fn every_missing_text_is_missing() {
        for text in MISSING {
            assert!(is_missing(text.as_bytes()) && is_missing(text.to_ascii_uppercase().as_bytes()), "{text}");
        }
        assert_eq!(MISSING.iter().map(|text| text.len()).max(), Some(LONGEST_MISSING));
    }

    #[test]
    fn missing_values_are_known_in_any_case() {
        for cell in ["", "NA", "n/A", "NaN", "NULL", "None", "?", "-"] {
            assert!(is_missing(cell.as_bytes()), "{cell}");
        }
        for cell in ["0", "nope", "--", "nano", "false"] {
            assert!(!is_missing(cell.as_bytes()), "{cell}");
        }
    }
}
