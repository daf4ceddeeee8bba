//! The fields of a record that lies in one piece, found where they lie, and which of them are plain decimals.

use crate::cell::SURELY_FINITE;

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Where it begins, without its quote.
    start: u32,
    /// Without its quotes. A field with doubled quotes is one quote: neither is a number, a truth value or missing.
    length: u32,
    digits: Digits,
}

/// The digits before the point of a plain decimal, as [`crate::cell::is_plain_decimal`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits(u16);

impl Digits {
    const NOT_DECIMAL: Self = Self(u16::MAX);

    pub(super) fn before_point(self) -> Option<usize> {
        (self != Self::NOT_DECIMAL).then_some(usize::from(self.0))
    }
}

impl Field {
    fn new(start: usize, end: usize, digits: Digits) -> Option<Self> {
        let (start, length) = (u32::try_from(start).ok()?, u32::try_from(end - start).ok()?);
        Some(Self { start, length, digits })
    }

    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..][..self.length as usize]
    }

    pub(super) fn digits(self) -> Digits {
        self.digits
    }
}

/// The length of the field that `record`, which has no line end, begins with, and its digits if it is a plain decimal. Both
/// are found in one pass, which is most of a numeric table's time.
#[inline]
pub(super) fn scan_field(record: &[u8], delimiter: u8) -> (usize, Digits) {
    let (length, digits) = scan_decimal(record);
    let rest = &record[length..];
    match rest.first() {
        None => (length, digits),
        Some(&byte) if byte == delimiter => (length, digits),
        Some(_) => (length + memchr::memchr(delimiter, rest).unwrap_or(rest.len()), Digits::NOT_DECIMAL),
    }
}

/// Splits the record that `bytes` begin with into `fields` and returns its length without its line end.
///
/// `None` where that needs a reader which remembers: the record goes on in the next piece, a quoted field has text after its
/// closing quote, or there are more than `max_fields` or more than `max_bytes`.
pub(super) fn split_record(
    bytes: &[u8],
    delimiter: u8,
    max_fields: usize,
    max_bytes: usize,
    fields: &mut Vec<Field>,
) -> Option<usize> {
    fields.clear();
    let mut at = 0;
    while fields.len() < max_fields {
        let (field, end) = match bytes.get(at)? {
            b'"' => quoted_field(bytes, at + 1)?,
            _ => bare_field(bytes, at, delimiter)?,
        };
        fields.push(field);
        match *bytes.get(end)? {
            b'\n' | b'\r' => return (end <= max_bytes).then_some(end),
            after if after == delimiter => at = end + 1,
            _ => return None,
        }
    }
    None
}

/// The field after an opening quote, and where the byte after its closing quote is.
#[inline]
fn quoted_field(bytes: &[u8], start: usize) -> Option<(Field, usize)> {
    let (length, digits) = scan_decimal(&bytes[start..]);
    let scanned = start + length;
    let mut close = scanned + memchr_short(b'"', &bytes[scanned..])?;
    if close == scanned && *bytes.get(close + 1)? != b'"' {
        return Some((Field::new(start, close, digits)?, close + 1));
    }
    let mut is_doubled = false;
    while *bytes.get(close + 1)? == b'"' {
        is_doubled = true;
        let from = close + 2;
        close = from + memchr::memchr(b'"', &bytes[from..])?;
    }
    let (start, end) = if is_doubled { (close, close + 1) } else { (start, close) };
    Some((Field::new(start, end, Digits::NOT_DECIMAL)?, close + 1))
}

/// A field without quotes, and where the byte after it is.
#[inline]
fn bare_field(bytes: &[u8], start: usize, delimiter: u8) -> Option<(Field, usize)> {
    let (length, digits) = scan_decimal(&bytes[start..]);
    let scanned = start + length;
    let next = *bytes.get(scanned)?;
    if next == delimiter || next == b'\n' || next == b'\r' {
        return Some((Field::new(start, scanned, digits)?, scanned));
    }
    let end = scanned + memchr::memchr3(delimiter, b'\n', b'\r', &bytes[scanned..])?;
    Some((Field::new(start, end, Digits::NOT_DECIMAL)?, end))
}

/// Most quoted fields are so short that calling a vector routine costs more than looking.
#[inline]
fn memchr_short(byte: u8, bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 12;
    let (head, rest) = bytes.split_at(bytes.len().min(SHORT));
    match head.iter().position(|&other| other == byte) {
        None => memchr::memchr(byte, rest).map(|at| head.len() + at),
        found => found,
    }
}

/// The length of the sign, digits and points that `bytes` begin with, and the digits before the point if they are a plain
/// decimal.
#[inline]
fn scan_decimal(bytes: &[u8]) -> (usize, Digits) {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let (mut at, mut points, mut point_at) = (sign, 0, None);
    while let Some(&byte) = bytes.get(at) {
        if byte == b'.' {
            points += 1;
            point_at = Some(at);
        } else if !byte.is_ascii_digit() {
            break;
        }
        at += 1;
    }
    let length = at - sign;
    let is_decimal = points <= 1 && length > points && length <= SURELY_FINITE;
    let before_point = point_at.unwrap_or(at) - sign;
    (at, if is_decimal { Digits(before_point as u16) } else { Digits::NOT_DECIMAL })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell;

    #[test]
    fn the_one_pass_scan_agrees_with_the_two_it_replaces() {
        let long = "9".repeat(301);
        for cell in ["", "1", "-1.5", "+", "-", ".", "1.2.3", "x", "1x", " 1", "NA", "-.5", "1e5", &long] {
            for rest in ["", ",", ",2"] {
                let record = format!("{cell}{rest}");
                let (length, digits) = scan_field(record.as_bytes(), b',');
                let expected = (cell.len(), cell::is_plain_decimal(cell.as_bytes()));
                assert_eq!((length, digits.before_point().is_some()), expected, "{record}");
            }
        }
    }

    #[test]
    fn digits_are_those_before_the_point() {
        for (cell, digits) in [("12", 2), ("-12.345", 2), (".5", 0), ("5.", 1), ("+0001", 4)] {
            assert_eq!(scan_field(cell.as_bytes(), b',').1.before_point(), Some(digits), "{cell}");
        }
    }

    fn split(bytes: &str) -> Option<(usize, Vec<&str>)> {
        let mut fields = Vec::new();
        let end = split_record(bytes.as_bytes(), b',', 5, 60, &mut fields)?;
        let texts = fields.iter().map(|field| std::str::from_utf8(field.bytes(bytes.as_bytes())).unwrap());
        Some((end, texts.collect()))
    }

    #[test]
    fn a_record_is_split_at_its_delimiters_and_line_end() {
        assert_eq!(split("\"a\",\"1.5\",x\nrest"), Some((11, vec!["a", "1.5", "x"])));
        assert_eq!(split("1,\"x, y\nz\",\r\n"), Some((11, vec!["1", "x, y\nz", ""])));
        assert_eq!(split("\"\",\"\"\n"), Some((5, vec!["", ""])));
        assert_eq!(
            split("\"a long text, of more than twelve bytes\",2\r"),
            Some((42, vec!["a long text, of more than twelve bytes", "2"]))
        );
        assert_eq!(split("a\"b,\"c\"\n"), Some((7, vec!["a\"b", "c"])));
        assert_eq!(split("\"say \"\"hi\"\"\",2\n"), Some((14, vec!["\"", "2"])));
        assert_eq!(split("\"12\"\"\",2\n"), Some((8, vec!["\"", "2"])));
    }

    #[test]
    fn what_needs_memory_is_left_to_the_reader_that_has_it() {
        let wide = "\"1\",2,3,4,5,6\n";
        let long = format!("\"{}\"\n", "x".repeat(59));
        for record in ["\"a\"b,1\n", "\"a\",1", "\"a\",", "\"a\"", "\"a", "\"a\"\"", "\"1", "\"a\",\"b\n", wide, &long]
        {
            assert_eq!(split(record), None, "{record:?}");
        }
    }
}
