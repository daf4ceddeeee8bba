//! The different values of a number column, as long as they are whole and few: training takes them for classes then.

/// Distinct whole numbers that are still taken for classes.
const MAX_INFERRED_CLASSES: usize = 20;

/// Whether this many distinct whole numbers in this many rows are taken for classes: a few that come again and again.
pub(crate) fn are_classes(distinct: usize, rows: usize) -> bool {
    distinct <= MAX_INFERRED_CLASSES && distinct * 2 <= rows
}

/// The values seen. Most columns have too many, or one that is not whole, within a few rows.
#[derive(Debug)]
pub(super) struct WholeValues {
    are_few: bool,
    /// Those from 0 to 63, a bit each.
    small: u64,
    /// The bits of the others.
    others: Vec<u64>,
    /// The keys of some cells with values among those seen, each where its hash says; 0 where none is.
    seen_keys: [u64; 1 << KEY_BITS],
}

/// A column's keys fill two cache lines, and are few enough for columns of years or of `1.0`, `2.0`.
const KEY_BITS: u32 = 4;

impl Default for WholeValues {
    fn default() -> Self {
        Self { are_few: true, small: 0, others: Vec::new(), seen_keys: [0; 1 << KEY_BITS] }
    }
}

impl WholeValues {
    /// Whether the value of a plain decimal with this [key](super::scan::Field::key) cannot change anything. Told without
    /// computing the value.
    #[inline]
    pub(super) fn need_not_see(&self, key: u64) -> bool {
        if !self.are_few {
            return true;
        }
        match small_value(key) {
            Some(value) => self.small >> value & 1 == 1,
            None => key != 0 && self.seen_keys[slot(key)] == key,
        }
    }

    /// Takes the value of a plain decimal.
    pub(super) fn insert_decimal(&mut self, key: u64, value: f64) {
        self.seen_keys[slot(key)] = key;
        self.insert(value);
    }

    /// Takes any value.
    pub(super) fn insert(&mut self, value: f64) {
        if !self.are_few {
            return;
        }
        if value.fract() != 0.0 {
            self.give_up();
        } else if (0.0..64.0).contains(&value) {
            self.insert_small(value as u32);
        } else if !self.others.contains(&value.to_bits()) {
            self.others.push(value.to_bits());
            self.give_up_if_many();
        }
    }

    fn insert_small(&mut self, value: u32) {
        let small = self.small | 1 << value;
        if small != self.small {
            self.small = small;
            self.give_up_if_many();
        }
    }

    fn distinct(&self) -> usize {
        self.small.count_ones() as usize + self.others.len()
    }

    fn give_up_if_many(&mut self) {
        if self.distinct() > MAX_INFERRED_CLASSES {
            self.give_up();
        }
    }

    /// Forgets all values: their number does not matter.
    pub(super) fn give_up(&mut self) {
        *self = Self { are_few: false, ..Self::default() };
    }

    /// How many different ones there were.
    pub(super) fn count(&self) -> Option<usize> {
        self.are_few.then(|| self.distinct())
    }
}

/// The value of a cell of one or two digits, as most classes are, up to 59.
#[inline]
fn small_value(key: u64) -> Option<u64> {
    let [first, second] = [key & 0xFF, key >> 8].map(|digit| digit.wrapping_sub(u64::from(b'0')));
    let has_one = key >> 8 == 0;
    // No branch on how many digits there are: in a column of classes that is like tossing a coin.
    let value = if has_one { first } else { first.wrapping_mul(10).wrapping_add(second) };
    let is_small = (has_one & (first <= 9)) | ((first <= 5) & (second <= 9));
    is_small.then_some(value)
}

/// Multiplicative hashing (Knuth, *The Art of Computer Programming*, 6.4), by 2^64 over the golden ratio.
#[inline]
fn slot(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - KEY_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cell: &str) -> u64 {
        let mut bytes = [0; 8];
        bytes[..cell.len()].copy_from_slice(cell.as_bytes());
        u64::from_le_bytes(bytes)
    }

    fn count(values: impl IntoIterator<Item = f64>) -> Option<usize> {
        let mut seen = WholeValues::default();
        values.into_iter().for_each(|value| seen.insert(value));
        seen.count()
    }

    #[test]
    fn equal_values_are_one_however_written() {
        assert_eq!(count([0.0, -0.0, 1.0, 63.0, 64.0, 64.0, -1.0, 2008.0]), Some(6));
        let mut seen = WholeValues::default();
        for (cell, value) in [("7", 7.0), ("07", 7.0), ("42", 42.0), ("7.0", 7.0), ("2008", 2008.0), ("-1", -1.0)] {
            seen.insert_decimal(key(cell), value);
            assert!(seen.need_not_see(key(cell)), "{cell}");
        }
        assert_eq!(seen.count(), Some(4));
        for cell in ["8", "64", "-7", "200", "5.", ".5", "+1", "2009"] {
            assert!(!seen.need_not_see(key(cell)), "{cell}");
        }
        assert!(!seen.need_not_see(0), "a cell of eight bytes or more");
    }

    #[test]
    fn a_value_is_known_by_every_small_cell_that_has_it() {
        for value in 0..60 {
            let mut seen = WholeValues::default();
            seen.insert_decimal(key(&value.to_string()), f64::from(value));
            for other in 0..100 {
                assert_eq!(seen.need_not_see(key(&other.to_string())), other == value, "{value} and {other}");
            }
        }
    }

    #[test]
    fn many_values_or_one_with_decimals_are_no_classes() {
        assert_eq!(count((0..20).map(f64::from)), Some(20));
        assert_eq!(count((0..21).map(f64::from)), None);
        assert_eq!(count((100..121).map(f64::from)), None);
        assert_eq!(count([1.0, 1.5]), None);
    }
}
