//! What is known of one column while its cells go by.

use serde::{Deserialize, Serialize};

use crate::cell;

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
}

/// The kinds a column may still turn out to be. A kind once ruled out is not tested again.
#[derive(Debug)]
pub(crate) struct ColumnState {
    pub(crate) name: String,
    missing: u64,
    may_be_number: bool,
    may_be_boolean: bool,
}

impl ColumnState {
    pub(crate) fn new(name: String) -> Self {
        Self { name, missing: 0, may_be_number: true, may_be_boolean: true }
    }

    #[inline]
    pub(crate) fn observe(&mut self, cell: &[u8]) {
        if self.may_be_number && cell::is_plain_decimal(cell) {
            self.may_be_boolean = false;
        } else {
            self.observe_other(cell);
        }
    }

    /// A cell already known to be a plain decimal.
    #[inline]
    pub(crate) fn observe_decimal(&mut self) {
        self.may_be_boolean = false;
    }

    #[inline(never)]
    pub(crate) fn observe_other(&mut self, cell: &[u8]) {
        let cell = cell.trim_ascii();
        if cell::is_missing(cell) {
            self.missing += 1;
            return;
        }
        self.may_be_number = self.may_be_number && cell::number(cell).is_some();
        self.may_be_boolean = self.may_be_boolean && cell::boolean(cell).is_some();
    }

    pub(crate) fn finish(self, rows: u64) -> Column {
        let kind = match self {
            Self { missing, .. } if missing == rows => ColumnKind::Empty,
            Self { may_be_number: true, .. } => ColumnKind::Number,
            Self { may_be_boolean: true, .. } => ColumnKind::Boolean,
            _ => ColumnKind::Text,
        };
        Column { name: self.name, kind, missing: self.missing }
    }
}
