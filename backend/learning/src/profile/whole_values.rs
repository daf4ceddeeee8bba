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
    /// The last cell that was not one of one or two digits, and its length: columns often repeat themselves.
    last: [u8; MAX_KEPT_BYTES],
    last_length: usize,
}

/// Longer cells are read each time.
const MAX_KEPT_BYTES: usize = 16;

impl Default for WholeValues {
    fn default() -> Self {
        Self { are_few: true, small: 0, others: Vec::new(), last: [0; MAX_KEPT_BYTES], last_length: 0 }
    }
}

impl WholeValues {
    /// Whether all were whole and few so far.
    #[inline]
    pub(super) fn are_few(&self) -> bool {
        self.are_few
    }

    /// Whether the value of this cell, which is a plain decimal, is surely among those seen. Told without computing it.
    #[inline]
    pub(super) fn knows(&self, cell: &[u8]) -> bool {
        match small_value(cell) {
            Some(value) => self.small >> value & 1 == 1,
            None => cell == &self.last[..self.last_length],
        }
    }

    /// Takes a cell with this value.
    pub(super) fn insert_cell(&mut self, cell: &[u8], value: f64) {
        if small_value(cell).is_none() && cell.len() <= MAX_KEPT_BYTES {
            self.last[..cell.len()].copy_from_slice(cell);
            self.last_length = cell.len();
        }
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
fn small_value(cell: &[u8]) -> Option<u32> {
    match *cell {
        [digit @ b'0'..=b'9'] => Some(u32::from(digit - b'0')),
        [tens @ b'0'..=b'5', digit @ b'0'..=b'9'] => Some(u32::from((tens - b'0') * 10 + (digit - b'0'))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(values: impl IntoIterator<Item = f64>) -> Option<usize> {
        let mut seen = WholeValues::default();
        values.into_iter().for_each(|value| seen.insert(value));
        seen.count()
    }

    #[test]
    fn equal_values_are_one_however_written() {
        assert_eq!(count([0.0, -0.0, 1.0, 63.0, 64.0, 64.0, -1.0, 2008.0]), Some(6));
        let mut seen = WholeValues::default();
        for (cell, value) in [("7", 7.0), ("07", 7.0), ("42", 42.0), ("7.0", 7.0), ("2008", 2008.0)] {
            seen.insert_cell(cell.as_bytes(), value);
            assert!(seen.knows(cell.as_bytes()), "{cell}");
        }
        assert_eq!(seen.count(), Some(3));
        assert!(!seen.knows(b"8") && !seen.knows(b"64") && !seen.knows(b"-7") && !seen.knows(b"200"));
    }

    #[test]
    fn many_values_or_one_with_decimals_are_no_classes() {
        assert_eq!(count((0..20).map(f64::from)), Some(20));
        assert_eq!(count((0..21).map(f64::from)), None);
        assert_eq!(count((100..121).map(f64::from)), None);
        assert_eq!(count([1.0, 1.5]), None);
    }
}
