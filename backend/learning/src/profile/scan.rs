//! The fields of a record that lies in one piece, found where they lie, and which of them are plain decimals.

use super::word::{ByteSet, Word};
use crate::cell::SURELY_FINITE;

/// What is known of a table before its fields are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner {
    delimiter: u8,
    /// The bits in which a mark before decimals may differ from a point.
    mark_bits: u8,
}

/// A field of a record, or a cell. It is filled in place: returned from where it is found, it would be copied in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Field {
    /// Without its quotes. A field with doubled quotes is one quote: neither is a number, a truth value or missing.
    start: usize,
    end: usize,
    /// The bytes of a plain decimal, if they are fewer than eight, which tell it from any other; otherwise 0.
    pub(super) key: u64,
    pub(super) shape: Shape,
    /// Whether more than [`SURELY_SMALL`] digits stand before the mark of a plain decimal.
    pub(super) may_be_large: bool,
}

/// A plain decimal is an optional sign and digits with at most one decimal mark among them. It is surely a finite number,
/// and nearly every numeric cell is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// No plain decimal.
    #[default]
    Other,
    /// A plain decimal without a mark.
    Whole,
    WithPoint,
    WithComma,
}

impl Shape {
    #[inline]
    fn with_mark(mark: u8) -> Self {
        if mark == b',' { Self::WithComma } else { Self::WithPoint }
    }
}

/// A number with at most this many digits before its mark is not beyond [`MAX_MAGNITUDE`](crate::cell::MAX_MAGNITUDE).
const SURELY_SMALL: usize = 12;

impl Field {
    #[inline]
    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        &record[self.start..self.end]
    }

    fn text(start: usize, end: usize) -> Self {
        Self { start, end, ..Self::default() }
    }
}

impl Scanner {
    /// `has_commas`: commas as well as points may come before decimals.
    pub(super) fn new(delimiter: u8, has_commas: bool) -> Self {
        Self { delimiter, mark_bits: if has_commas { b'.' ^ b',' } else { 0 } }
    }

    pub(super) fn scan_cell(self, cell: &[u8]) -> Field {
        let mut field = Field::default();
        let end = self.scan_decimal(cell, 0, &mut field);
        if end == cell.len() { field } else { Field::text(0, cell.len()) }
    }

    /// Splits the record that `bytes` begin with into `fields` and returns its length without its line end.
    ///
    /// `None` where that needs a reader which remembers or explains: the record goes on in the next piece, a quoted field
    /// has text after its closing quote, there are more or fewer fields, or more than `max_bytes`.
    pub(super) fn split_record(self, bytes: &[u8], max_bytes: usize, fields: &mut [Field]) -> Option<usize> {
        let (last, others) = fields.split_last_mut()?;
        let mut at = 0;
        for field in others {
            at = 1 + self.split_field(bytes, at, |byte| byte == self.delimiter, field)?;
        }
        let end = self.split_field(bytes, at, is_line_end, last)?;
        (end <= max_bytes).then_some(end)
    }

    /// Finds the field at `at`, and where the byte after it is, which must be one that `ends` it.
    #[inline(always)]
    fn split_field(self, bytes: &[u8], at: usize, ends: impl Fn(u8) -> bool, field: &mut Field) -> Option<usize> {
        if let [digit @ b'0'..=b'9', after, ..] = bytes.get(at..)?
            && ends(*after)
        {
            let key = u64::from(*digit);
            *field = Field { start: at, end: at + 1, key, shape: Shape::Whole, may_be_large: false };
            return Some(at + 1);
        }
        let is_quoted = *bytes.get(at)? == b'"';
        let start = at + usize::from(is_quoted);
        let end = self.scan_decimal(bytes, start, field);
        let after = end + usize::from(is_quoted);
        if ends(*bytes.get(after)?) && (!is_quoted || bytes[end] == b'"') {
            return Some(after);
        }
        let after =
            if is_quoted { quoted_text(bytes, start, end, field) } else { self.bare_text(bytes, start, end, field) }?;
        ends(*bytes.get(after)?).then_some(after)
    }

    /// Finds a field without quotes that is no plain decimal and goes on at `from`, and where the byte after it is.
    #[inline]
    fn bare_text(self, bytes: &[u8], start: usize, from: usize, field: &mut Field) -> Option<usize> {
        let ends = |word: Word| word.equal(self.delimiter).or(word.equal(b'\n')).or(word.equal(b'\r'));
        let end = find(bytes, from, ends, |rest| memchr::memchr3(self.delimiter, b'\n', b'\r', rest))?;
        *field = Field::text(start, end);
        Some(end)
    }

    /// Makes a field of the sign, digits and marks that `bytes` have at `start`, and returns where they end.
    #[inline(always)]
    fn scan_decimal(self, bytes: &[u8], start: usize, field: &mut Field) -> usize {
        let word = Word::load(bytes, start);
        let has_sign = is_sign(word.byte(0));
        let (marks, stops) = self.marks_and_stops(word);
        let stops = stops.without_first_byte(has_sign);
        if stops.is_empty() {
            return self.scan_long_decimal(bytes, start, field);
        }
        let length = stops.first();
        let marks = marks.before(stops);
        let has_digits = length > usize::from(has_sign) + usize::from(!marks.is_empty());
        field.shape = match () {
            () if marks.has_several() || !has_digits => Shape::Other,
            () if marks.is_empty() => Shape::Whole,
            () if self.mark_bits == 0 => Shape::WithPoint,
            () => Shape::with_mark(word.byte(marks.first())),
        };
        field.key = word.before(stops).bits();
        field.may_be_large = false;
        (field.start, field.end) = (start, start + length);
        start + length
    }

    /// The same of any length.
    #[inline(never)]
    fn scan_long_decimal(self, bytes: &[u8], start: usize, field: &mut Field) -> usize {
        let begin = start + usize::from(bytes.get(start).is_some_and(|byte| is_sign(*byte)));
        let (mut end, mut mark_at, mut has_several) = (begin, None, false);
        loop {
            let word = Word::load(bytes, end);
            let (marks, stops) = self.marks_and_stops(word);
            let marks = marks.before(stops);
            if !marks.is_empty() {
                has_several |= marks.has_several() || mark_at.is_some();
                mark_at = mark_at.or(Some(end + marks.first()));
            }
            end += stops.first();
            if !stops.is_empty() {
                break;
            }
        }
        let has_digits = end - begin > usize::from(mark_at.is_some());
        let shape = match mark_at {
            _ if has_several || !has_digits || end - begin > SURELY_FINITE => Shape::Other,
            None => Shape::Whole,
            Some(at) => Shape::with_mark(bytes[at]),
        };
        let may_be_large = mark_at.unwrap_or(end) - begin > SURELY_SMALL;
        *field = Field { start, end, key: 0, shape, may_be_large };
        end
    }

    /// The decimal marks in a word, and the bytes that neither are marks nor digits.
    #[inline(always)]
    fn marks_and_stops(self, word: Word) -> (ByteSet, ByteSet) {
        let marks = word.with_bits(self.mark_bits).equal(b'.' | self.mark_bits);
        (marks, word.not_digits().without(marks))
    }
}

#[inline]
fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

#[inline]
fn is_sign(byte: u8) -> bool {
    byte == b'+' || byte == b'-'
}

/// Finds a quoted field that is no plain decimal and has no quote before `from`, and where the byte after it is.
#[inline]
fn quoted_text(bytes: &[u8], start: usize, from: usize, field: &mut Field) -> Option<usize> {
    let mut close = find_quote(bytes, from)?;
    let mut is_doubled = false;
    while *bytes.get(close + 1)? == b'"' {
        is_doubled = true;
        close = find_quote(bytes, close + 2)?;
    }
    let (start, end) = if is_doubled { (close, close + 1) } else { (start, close) };
    *field = Field::text(start, end);
    Some(close + 1)
}

#[inline]
fn find_quote(bytes: &[u8], from: usize) -> Option<usize> {
    find(bytes, from, |word| word.equal(b'"'), |rest| memchr::memchr(b'"', rest))
}

/// Where from `from` on the first of some bytes is. Most fields are so short that calling a vector routine, `far`, costs
/// more than looking at their words.
#[inline]
fn find(
    bytes: &[u8],
    from: usize,
    near: impl Fn(Word) -> ByteSet,
    far: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    const NEAR_WORDS: usize = 3;
    let mut at = from;
    for _ in 0..NEAR_WORDS {
        let found = near(Word::load(bytes, at));
        if !found.is_empty() {
            return Some(at + found.first());
        }
        at += Word::BYTES;
    }
    far(bytes.get(at..)?).map(|found| at + found)
}

#[cfg(test)]
mod tests;
