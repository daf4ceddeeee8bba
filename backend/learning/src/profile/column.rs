//! What is known of one column while its cells go by.

use serde::{Deserialize, Serialize};

use super::notes::{ColumnNote, NoteCode};
use super::scan::{Field, Shape};
use super::whole_values::WholeValues;
use crate::cell::{self, DecimalMark, MAX_MAGNITUDE};

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Every value present is a finite number.
    Number,
    /// Anything else.
    Text,
    /// Every value present is true, false, yes or no; 0 and 1 are numbers.
    Boolean,
    /// No value is present.
    Empty,
}

/// One column of a profiled table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name in the header, without surrounding white space.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Rows without a value.
    pub missing: u64,
    /// What stands before the decimals of its numbers.
    #[serde(default, skip_serializing_if = "DecimalMark::is_point")]
    pub decimal_mark: DecimalMark,
    /// How many different whole numbers it has, if they are all of its values and so few that training takes them for
    /// classes, unless the run names a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// What training will do about some of its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ColumnNote>,
}

/// The kinds a column may still turn out to be. A kind once ruled out is not tested again.
#[derive(Debug)]
pub(crate) struct ColumnState {
    pub(crate) name: String,
    missing: u64,
    /// Numbers with a decimal point, or with an infinite value among them.
    may_be_number: bool,
    /// The same with a decimal comma.
    may_have_commas: bool,
    may_be_boolean: bool,
    /// Values that are numbers and not finite.
    not_finite: u64,
    /// Values beyond the greatest magnitude.
    too_large: u64,
    points: Marks,
    commas: Marks,
    /// The shape that a further cell may have, as well as a whole number's, without telling of the column's marks.
    settled_shape: Shape,
    whole_values: WholeValues,
}

/// Which decimal marks were seen, in a table where they may be thousands' marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Marks {
    None,
    /// Each may come before thousands as well.
    Ambiguous,
    /// One comes before decimals.
    Clear,
}

impl ColumnState {
    /// A column that has seen nothing; `may_have_commas`: its numbers may have decimal commas.
    pub(crate) fn new(name: String, may_have_commas: bool) -> Self {
        Self {
            name,
            missing: 0,
            may_be_number: true,
            may_have_commas,
            may_be_boolean: true,
            not_finite: 0,
            too_large: 0,
            points: Marks::None,
            commas: Marks::None,
            settled_shape: if may_have_commas { Shape::Whole } else { Shape::WithPoint },
            whole_values: WholeValues::default(),
        }
    }

    /// Takes a cell.
    #[inline]
    pub(super) fn observe(&mut self, cell: &[u8], field: &Field) {
        if field.shape != Shape::Other && (field.shape == Shape::Whole || field.shape == self.settled_shape) {
            self.may_be_boolean = false;
            if field.may_be_large || !self.whole_values.need_not_see(field.key) {
                self.observe_decimal_value(cell, field);
            }
        } else if !self.is_text() || !is_surely_present(cell) {
            self.observe_other(cell);
        }
    }

    #[inline(never)]
    fn observe_decimal_value(&mut self, cell: &[u8], field: &Field) {
        let mark = if field.shape == Shape::WithComma { DecimalMark::Comma } else { DecimalMark::Point };
        if let Some(value) = cell::number_with(cell, mark) {
            self.whole_values.insert_decimal(field.key, value);
            self.too_large += u64::from(value.abs() > MAX_MAGNITUDE);
        }
    }

    #[inline(never)]
    fn observe_other(&mut self, cell: &[u8]) {
        let cell = cell.trim_ascii();
        if cell::is_missing(cell) {
            self.missing += 1;
            return;
        }
        if self.may_be_number || self.may_have_commas {
            self.observe_number(cell);
        }
        self.may_be_boolean = self.may_be_boolean && cell::boolean(cell).is_some();
    }

    /// Whether no value can change what the column is.
    #[inline]
    fn is_text(&self) -> bool {
        !(self.may_be_number || self.may_have_commas || self.may_be_boolean)
    }

    /// A trimmed value of a column that has had only numbers.
    fn observe_number(&mut self, cell: &[u8]) {
        match cell::any_number(cell) {
            Some(value) if value.is_infinite() => self.not_finite += 1,
            Some(value) => {
                if self.may_have_commas && memchr::memchr(b'.', cell).is_some() {
                    self.points = self.points.and(cell, b'.');
                    // A clear point, or any in a column that has commas.
                    self.may_have_commas = self.may_be_number && self.points == Marks::Ambiguous;
                }
                self.observe_value(value);
            }
            None => {
                self.may_be_number = false;
                match cell::number_with_comma(cell).filter(|_| self.may_have_commas && self.points == Marks::None) {
                    Some(value) => {
                        self.commas = self.commas.and(cell, b',');
                        self.observe_value(value);
                    }
                    None => self.may_have_commas = false,
                }
            }
        }
        if !self.may_be_number && !self.may_have_commas {
            self.whole_values.give_up();
        }
        if !self.may_have_commas {
            self.settled_shape = Shape::WithPoint;
        } else if !self.may_be_number && self.commas == Marks::Clear {
            self.settled_shape = Shape::WithComma;
        }
    }

    fn observe_value(&mut self, value: f64) {
        self.whole_values.insert(value);
        self.too_large += u64::from(value.abs() > MAX_MAGNITUDE);
    }

    /// Whether its values are numbers and surely have decimal commas.
    pub(crate) fn has_decimal_commas(&self) -> bool {
        !self.may_be_number && self.may_have_commas && self.commas == Marks::Clear && self.not_finite == 0
    }

    /// `has_decimal_commas`: some column of the table has.
    pub(crate) fn finish(self, rows: u64, has_decimal_commas: bool) -> Column {
        let all_numbers = self.may_be_number || self.may_have_commas;
        let note = match self {
            _ if !all_numbers || self.missing == rows => None,
            Self { not_finite: count @ 1.., .. } => Some(ColumnNote::new(NoteCode::NotFinite, count)),
            Self { may_be_number: false, commas: Marks::Ambiguous, .. } => {
                Some(ColumnNote::new(NoteCode::AmbiguousCommas, rows - self.missing))
            }
            Self { may_be_number: true, points: Marks::Ambiguous, .. } if has_decimal_commas => {
                Some(ColumnNote::new(NoteCode::AmbiguousPoints, rows - self.missing))
            }
            _ => None,
        };
        let kind = if self.missing == rows {
            ColumnKind::Empty
        } else if all_numbers && note.is_none() {
            ColumnKind::Number
        } else if self.may_be_boolean {
            ColumnKind::Boolean
        } else {
            ColumnKind::Text
        };
        let is_number = kind == ColumnKind::Number;
        let too_large = is_number && self.too_large > 0;
        let note = note.or(too_large.then(|| ColumnNote::new(NoteCode::TooLarge, self.too_large)));
        let distinct = self.whole_values.count().filter(|_| is_number);
        let present = usize::try_from(rows - self.missing).unwrap_or(usize::MAX);
        Column {
            name: self.name,
            kind,
            missing: self.missing,
            decimal_mark: if is_number && !self.may_be_number { DecimalMark::Comma } else { DecimalMark::Point },
            classes: distinct.filter(|distinct| super::are_classes(*distinct, present)),
            notes: note.into_iter().collect(),
        }
    }
}

impl Marks {
    /// After a further value with this mark.
    fn and(self, cell: &[u8], mark: u8) -> Self {
        if self == Self::Clear || !cell::may_be_thousands(cell, mark) { Self::Clear } else { Self::Ambiguous }
    }
}

/// Whether a cell is too long to denote a missing value, without white space around it.
#[inline]
fn is_surely_present(cell: &[u8]) -> bool {
    cell.len() > cell::LONGEST_MISSING && matches!(cell, [first, .., last] if *first > b' ' && *last > b' ')
}
