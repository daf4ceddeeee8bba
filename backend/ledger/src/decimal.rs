//! Decimal numbers as text, read exactly.

use std::cmp::Ordering;
use std::fmt;

use crate::money::PicoDollars;

/// Decimal places of a dollar that are pico-dollars.
const PICO_PLACES: i64 = 12;

/// A decimal number as it was sent, digit by digit, such as `0.00014` or `1.5e-07`: never by way of a float.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecimalText(String);

impl DecimalText {
    /// The text, where it is a number as JSON writes them; none otherwise. At most 64 bytes.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= 64 && Decimal::parse(text).is_some()).then(|| Self(text.to_owned()))
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an amount of dollars, rounded to the nearest pico-dollar, half to even; none where it is beyond the
    /// range of [`PicoDollars`].
    pub fn to_pico_dollars(&self) -> Option<PicoDollars> {
        let decimal = Decimal::parse(&self.0)?;
        let (units, rest) = decimal.scaled(PICO_PLACES)?;
        let rounded = match rest.cmp_half() {
            Ordering::Greater => units.checked_add(1)?,
            Ordering::Equal => units.checked_add(units % 2)?,
            Ordering::Less => units,
        };
        let magnitude = i128::try_from(rounded).ok()?;
        Some(PicoDollars::new(if decimal.negative { -magnitude } else { magnitude }))
    }

    /// The number as an amount of dollars, rounded up to the next pico-dollar, so that no part of it is lost; none where it is
    /// below zero or beyond the range of [`PicoDollars`].
    pub fn to_pico_dollars_up(&self) -> Option<PicoDollars> {
        let decimal = Decimal::parse(&self.0).filter(|decimal| !decimal.is_negative())?;
        let (units, rest) = decimal.scaled(PICO_PLACES)?;
        let rounded = if rest == Rest::None { units } else { units.checked_add(1)? };
        Some(PicoDollars::new(i128::try_from(rounded).ok()?))
    }
}

impl fmt::Display for DecimalText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A decimal number: its digits, without leading zeros, times ten to the power of `exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

/// What is left of a number below its last whole unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    None,
    BelowHalf,
    Half,
    AboveHalf,
}

impl Rest {
    /// The rest against half a unit.
    fn cmp_half(self) -> Ordering {
        match self {
            Self::None | Self::BelowHalf => Ordering::Less,
            Self::Half => Ordering::Equal,
            Self::AboveHalf => Ordering::Greater,
        }
    }
}

impl Decimal {
    /// Reads a number as JSON writes it: `-?digits(.digits)?([eE][+-]?digits)?`. Leading zeros are allowed, since texts have them.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((number, power)) => (number, parse_exponent(power)?),
        };
        let (whole, part) = match number.split_once('.') {
            None => (number, ""),
            Some((_, "")) => return None,
            Some((whole, part)) => (whole, part),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let mut digits: Vec<u8> =
            whole.bytes().chain(part.bytes()).map(|byte| byte - b'0').skip_while(|digit| *digit == 0).collect();
        let mut exponent = exponent.checked_sub(i64::try_from(part.len()).ok()?)?;
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        Some(Self { negative, digits, exponent })
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The number times ten to the power of `places`.
    pub fn shifted(mut self, places: i64) -> Option<Self> {
        if !self.is_zero() {
            self.exponent = self.exponent.checked_add(places)?;
        }
        Some(self)
    }

    /// The product of two numbers; none where it is too long.
    pub fn times(&self, other: &Self) -> Option<Self> {
        let (left, _) = self.scaled(self.exponent.checked_neg()?)?;
        let (right, _) = other.scaled(other.exponent.checked_neg()?)?;
        let product =
            Self::parse(&left.checked_mul(right)?.to_string())?.shifted(self.exponent.checked_add(other.exponent)?)?;
        Some(Self { negative: self.negative != other.negative && !product.is_zero(), ..product })
    }

    /// The magnitude in whole units of ten to the power of `-places`, and what is left below one; none beyond a `u128`.
    pub fn scaled(&self, places: i64) -> Option<(u128, Rest)> {
        if self.is_zero() {
            return Some((0, Rest::None));
        }
        let power = self.exponent.checked_add(places)?;
        let length = i64::try_from(self.digits.len()).ok()?;
        // Digits that are whole units; beyond 39 no u128 holds them.
        let whole_digits = length.checked_add(power)?;
        if whole_digits > 39 {
            return None;
        }
        let taken = usize::try_from(whole_digits.clamp(0, length)).ok()?;
        let (whole, below) = self.digits.split_at(taken);
        let mut units =
            whole.iter().try_fold(0_u128, |units, digit| units.checked_mul(10)?.checked_add((*digit).into()))?;
        for _ in 0..power.max(0) {
            units = units.checked_mul(10)?;
        }
        Some((units, if whole_digits < 0 { Rest::BelowHalf } else { rest_of(below) }))
    }

    /// The number in plain digits, without an exponent; none where that is longer than 60 digits.
    pub fn to_plain_text(&self) -> Option<String> {
        if self.is_zero() {
            return Some("0".to_owned());
        }
        let mut digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let places = usize::try_from(self.exponent.unsigned_abs()).ok().filter(|places| *places <= 60)?;
        if self.exponent >= 0 {
            digits.push_str(&"0".repeat(places));
        } else {
            let missing = (places + 1).saturating_sub(digits.len());
            digits.insert_str(0, &"0".repeat(missing));
            digits.insert(digits.len() - places, '.');
        }
        Some(if self.negative { format!("-{digits}") } else { digits })
    }
}

fn parse_exponent(power: &str) -> Option<i64> {
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    power.strip_prefix('+').unwrap_or(power).parse().ok()
}

/// Digits after the point; the last is not zero.
fn rest_of(below: &[u8]) -> Rest {
    match below {
        [] => Rest::None,
        [5] => Rest::Half,
        [first, ..] if *first >= 5 => Rest::AboveHalf,
        _ => Rest::BelowHalf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pico(text: &str) -> Option<i128> {
        DecimalText::new(text)?.to_pico_dollars().map(PicoDollars::get)
    }

    #[test]
    fn numbers_are_read_digit_by_digit() {
        for (text, expected) in [
            ("0", 0),
            ("-0.0e5", 0),
            ("1", 1_000_000_000_000),
            ("0.00014", 140_000_000),
            ("1.5e-07", 150_000),
            ("2E+1", 20_000_000_000_000),
            ("-0.1", -100_000_000_000),
            ("0.30000000000000004", 300_000_000_000),
            ("007.10", 7_100_000_000_000),
            // Halves go to the even neighbour.
            ("0.0000000000005", 0),
            ("0.0000000000015", 2),
            ("0.0000000000025", 2),
            ("0.00000000000250001", 3),
            ("0.00000000000005", 0),
            ("9e-99", 0),
        ] {
            assert_eq!(pico(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn rounded_up_no_part_is_lost() {
        let up = |text: &str| DecimalText::new(text).unwrap().to_pico_dollars_up().map(PicoDollars::get);
        for (text, expected) in [("0", 0), ("1e-12", 1), ("1e-99", 1), ("0.0000000000011", 2), ("2", 2_000_000_000_000)]
        {
            assert_eq!(up(text), Some(expected), "{text}");
        }
        assert_eq!((up("-1"), up("1e30")), (None, None));
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e",
            "1e+",
            "0x10",
            "1_000",
            " 1",
            "NaN",
            "Infinity",
            "+1",
            "1e9223372036854775808",
            "--1",
            "1e-+1",
        ] {
            assert_eq!(DecimalText::new(text), None, "{text}");
        }
        assert_eq!(pico("1e30"), None);
        assert_eq!(pico("1e9223372036854775807"), None);
        assert_eq!(DecimalText::new(&"1".repeat(65)), None);
    }

    #[test]
    fn plain_text_has_no_exponent() {
        for (text, places, expected) in [
            ("1.5e-07", 6, "0.15"),
            ("1e-05", 6, "10"),
            ("2.5e-6", 6, "2.5"),
            ("0.00000012345", 6, "0.12345"),
            ("0", 6, "0"),
            ("-12e3", 0, "-12000"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().shifted(places).unwrap().to_plain_text().unwrap(), expected);
        }
        let product = Decimal::parse("0.00000625").unwrap().times(&Decimal::parse("-1.1").unwrap()).unwrap();
        assert_eq!(product.to_plain_text().unwrap(), "-0.000006875");
        assert_eq!(Decimal::parse("1e61").unwrap().to_plain_text(), None);
    }
}
