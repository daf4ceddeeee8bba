//! Money as a whole number of pico-dollars.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// Pico-dollars in a dollar.
const PER_DOLLAR: i128 = 1_000_000_000_000;

/// An amount of money in pico-dollars: 1 is $0.000000000001, a millionth of a millionth. A price of $1 for a million
/// tokens is a million pico-dollars a token.
///
/// The range is that of an `i128`, about ±$1.7e26, so that no sum of costs overflows. The cost of one call as read by
/// [`read_response`](crate::read_response) always fits an `i64` (±$9,223,372.036854775807), which a database's BIGINT
/// holds: [`PicoDollars::to_i64`], `From<i64>`. Shown as dollars, with all their digits and no others: `0.000675`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoDollars(i128);

impl PicoDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// This many pico-dollars.
    pub const fn new(pico_dollars: i128) -> Self {
        Self(pico_dollars)
    }

    /// The amount in pico-dollars.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The amount in pico-dollars, for a column of 64 bits; none beyond ±$9,223,372.036854775807.
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }

    /// The amount in dollars, rounded to the nearest `f64`: for metrics and charts, never for sums or comparisons.
    pub fn to_dollars_f64(self) -> f64 {
        self.0 as f64 / PER_DOLLAR as f64
    }
}

impl From<i64> for PicoDollars {
    fn from(pico_dollars: i64) -> Self {
        Self(pico_dollars.into())
    }
}

impl fmt::Display for PicoDollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.unsigned_abs() / PER_DOLLAR as u128, self.0.unsigned_abs() % PER_DOLLAR as u128);
        let mut text = if part == 0 { whole.to_string() } else { format!("{whole}.{part:012}") };
        if part != 0 {
            text.truncate(text.trim_end_matches('0').len());
        }
        formatter.pad_integral(self.0 >= 0, "", &text)
    }
}

/// Sums of more than ±$1.7e26 stay at the end of the range.
impl Add for PicoDollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for PicoDollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for PicoDollars {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for PicoDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_with_all_their_digits() {
        for (pico_dollars, shown) in [
            (0, "0"),
            (1, "0.000000000001"),
            (-1, "-0.000000000001"),
            (675_000_000, "0.000675"),
            (1_000_000_000_000, "1"),
            (100_500_000_000_000, "100.5"),
            (i128::MIN, "-170141183460469231731687303.715884105728"),
        ] {
            assert_eq!(PicoDollars(pico_dollars).to_string(), shown);
        }
        assert_eq!(format!("{:>8}|{:<8}|{:08}", PicoDollars(PER_DOLLAR), PicoDollars(-PER_DOLLAR), PicoDollars(PER_DOLLAR)), "       1|-1      |00000001");
    }

    #[test]
    fn only_what_fits_a_column_is_an_i64() {
        assert_eq!(PicoDollars::from(i64::MAX).to_i64(), Some(i64::MAX));
        assert_eq!((PicoDollars::from(i64::MAX) + PicoDollars(1)).to_i64(), None);
        assert_eq!(PicoDollars::from(i64::MAX).to_string(), "9223372.036854775807");
    }
}
