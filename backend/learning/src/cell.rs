//! What one cell of a table holds. The profile shown at upload and the table a model learns from both read cells
//! through here, so that they cannot disagree.

/// The texts that denote a missing value, in lower case; the comparison ignores case.
pub const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "?", "-"];

/// The longest entry of [`MISSING`].
const MAX_MISSING_BYTES: usize = 4;

/// A decimal of at most this many digits and no exponent is finite whatever its digits: the greatest `f64` has 309.
pub(crate) const SURELY_FINITE: usize = 300;

/// Whether a trimmed cell denotes a missing value.
pub fn is_missing(cell: &[u8]) -> bool {
    cell.len() <= MAX_MISSING_BYTES && MISSING.iter().any(|text| cell.eq_ignore_ascii_case(text.as_bytes()))
}

/// The value of a trimmed cell that holds a finite number.
pub fn number(cell: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
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

/// Whether a cell is an optional sign and digits with at most one point: surely a finite number, known without
/// computing its value. Nearly every numeric cell is one.
pub fn is_plain_decimal(cell: &[u8]) -> bool {
    let digits = match cell {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    let mut points = 0;
    for &byte in digits {
        if byte == b'.' {
            points += 1;
        } else if !byte.is_ascii_digit() {
            return false;
        }
    }
    points <= 1 && digits.len() > points && digits.len() <= SURELY_FINITE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plain_decimal_is_a_number() {
        for cell in ["0", "-1", "+2", "3.5", ".5", "5.", "-.25", "007", &"9".repeat(300)] {
            assert!(is_plain_decimal(cell.as_bytes()), "{cell}");
            assert!(number(cell.as_bytes()).is_some(), "{cell}");
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_left_to_the_parser() {
        for cell in ["", "-", ".", "+.", "1.2.3", "1e5", "--1", "1 2", "x", "1,5"] {
            assert!(!is_plain_decimal(cell.as_bytes()), "{cell}");
        }
        assert_eq!(number(b"1e5"), Some(1e5));
        for cell in ["inf", "-infinity", "nan", "1e999", "1,5", "0x10", "1_000"] {
            assert_eq!(number(cell.as_bytes()), None, "{cell}");
        }
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
