//! Eight bytes at a time in a register of 64 bits, which is most of why profiling is fast.
//!
//! The arithmetic is that of "Determine if a word has a zero byte" in S. E. Anderson's *Bit Twiddling Hacks*, in the exact
//! form, where no byte's result depends on its neighbours.

/// The lowest bit of each byte.
const LOWEST: u64 = 0x0101_0101_0101_0101;
/// All bits of each byte but the highest.
const LOWER_SEVEN: u64 = 0x7F * LOWEST;
/// The highest bit of each byte.
const HIGHEST: u64 = 0x80 * LOWEST;

const fn in_each_byte(byte: u8) -> u64 {
    byte as u64 * LOWEST
}

/// Eight bytes, the first of them in the lowest bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

/// Some of the bytes of a [`Word`], by their highest bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteSet(u64);

impl Word {
    pub(super) const BYTES: usize = 8;

    /// The bytes from `at` on. Those beyond the end are zero, which no byte of a table is.
    #[inline(always)]
    pub(super) fn load(bytes: &[u8], at: usize) -> Self {
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(eight) => Self(u64::from_le_bytes(*eight)),
            None => Self::load_fewer(bytes.get(at..).unwrap_or_default()),
        }
    }

    #[cold]
    fn load_fewer(rest: &[u8]) -> Self {
        let mut eight = [0; Self::BYTES];
        eight[..rest.len()].copy_from_slice(rest);
        Self(u64::from_le_bytes(eight))
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) fn byte(self, at: usize) -> u8 {
        (self.0 >> (8 * at)) as u8
    }

    /// This word with these bits set in each byte.
    #[inline(always)]
    pub(super) fn with_bits(self, bits: u8) -> Self {
        Self(self.0 | in_each_byte(bits))
    }

    /// The bytes that are this one.
    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> ByteSet {
        let differences = self.0 ^ in_each_byte(byte);
        ByteSet(!(((differences & LOWER_SEVEN) + LOWER_SEVEN) | differences) & HIGHEST)
    }

    /// The bytes that are no ASCII digits.
    #[inline(always)]
    pub(super) fn not_digits(self) -> ByteSet {
        // Digits are 0 to 9 after this, and anything above overflows into the highest bit of its byte.
        let values = self.0 ^ in_each_byte(b'0');
        ByteSet((((values & LOWER_SEVEN) + in_each_byte(0x80 - 10)) | values) & HIGHEST)
    }

    /// The bytes before the first of `stops`, and zeros; all bytes if there is none.
    #[inline(always)]
    pub(super) fn before(self, stops: ByteSet) -> Self {
        Self(self.0 & stops.bits_before_first())
    }
}

impl ByteSet {
    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(super) fn has_several(self) -> bool {
        self.0 & self.0.wrapping_sub(1) != 0
    }

    /// How many bytes come before the first of these: eight if there is none.
    #[inline(always)]
    pub(super) fn first(self) -> usize {
        (self.0.trailing_zeros() / 8) as usize
    }

    #[inline(always)]
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// These without the first byte of the word, if `leave_out`.
    #[inline(always)]
    pub(super) fn without_first_byte(self, leave_out: bool) -> Self {
        Self(self.0 & !(u64::from(leave_out) << 7))
    }

    /// Those of these that come before the first of `stops`.
    #[inline(always)]
    pub(super) fn before(self, stops: Self) -> Self {
        Self(self.0 & stops.bits_before_first())
    }

    /// All bits of the bytes before the first of these.
    #[inline(always)]
    fn bits_before_first(self) -> u64 {
        ((self.0 & self.0.wrapping_neg()) >> 7).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(set: ByteSet) -> Vec<usize> {
        (0..Word::BYTES).filter(|at| set.0 >> (8 * at + 7) & 1 == 1).collect()
    }

    #[test]
    fn each_byte_is_told_whatever_its_neighbours_are() {
        for byte in 0..=u8::MAX {
            for neighbour in [0, 1, b'/', b'0', b'9', b':', 0x7F, 0x80, 0xFF] {
                let bytes = [neighbour, byte, neighbour, byte, byte, neighbour, neighbour, byte];
                let word = Word::load(&bytes, 0);
                let expected = |predicate: &dyn Fn(u8) -> bool| -> Vec<usize> {
                    (0..Word::BYTES).filter(|at| predicate(bytes[*at])).collect()
                };
                assert_eq!(positions(word.not_digits()), expected(&|byte| !byte.is_ascii_digit()), "{bytes:?}");
                assert_eq!(positions(word.equal(neighbour)), expected(&|byte| byte == neighbour), "{bytes:?}");
            }
        }
    }

    #[test]
    fn bytes_beyond_the_end_are_zero() {
        assert_eq!(Word::load(b"abcdefghij", 1).bits(), u64::from_le_bytes(*b"bcdefghi"));
        assert_eq!(Word::load(b"abc", 1).bits(), u64::from_le_bytes(*b"bc\0\0\0\0\0\0"));
        assert_eq!((Word::load(b"abc", 3).bits(), Word::load(b"abc", 9).bits()), (0, 0));
    }

    #[test]
    fn what_comes_before_a_stop_is_left() {
        let word = Word::load(b"12.5,3.4", 0);
        let (commas, points) = (word.equal(b','), word.equal(b'.'));
        assert_eq!((commas.first(), points.first(), word.equal(b'x').first()), (4, 2, 8));
        assert_eq!(word.before(commas).bits(), u64::from_le_bytes(*b"12.5\0\0\0\0"));
        assert_eq!(word.before(word.equal(b'x')), word);
        assert_eq!(positions(points.before(commas)), [2]);
        assert!(points.has_several() && !commas.has_several() && !word.equal(b'x').has_several());
        assert_eq!(positions(points.or(commas)), [2, 4, 6]);
        assert_eq!(positions(word.not_digits().without(points)), [4]);
    }
}
