//! What the profile says of values that training will not take as they are.

use serde::{Deserialize, Serialize};

use crate::cell::MAX_LEVELS;

/// Something about a column that training will do something about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNote {
    /// The kind.
    pub code: NoteCode,
    /// Values that it is about.
    pub count: u64,
    /// What was found, what training will do about it, and what to do instead.
    pub detail: String,
}

/// The kinds of [`ColumnNote`], with stable names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// Numbers, some of which are infinite: `inf`, `1e999`.
    NotFinite,
    /// Numbers beyond 1e12, such as long ids.
    TooLarge,
    /// Numbers whose commas may come before decimals or before thousands: `1,234`.
    AmbiguousCommas,
    /// The same of points, in a table with decimal commas.
    AmbiguousPoints,
}

impl ColumnNote {
    pub(super) fn new(code: NoteCode, count: u64) -> Self {
        let values = if count == 1 { "1 value is".to_owned() } else { format!("{count} values are") };
        let as_text = format!(
            "so the column is text: training takes each different value for a category, drops the column if it has more \
             than {MAX_LEVELS} of them, and refuses it as a target of regression"
        );
        let detail = match code {
            NoteCode::NotFinite => format!("{values} infinite, such as `inf` or `1e999`, {as_text}"),
            NoteCode::TooLarge => format!(
                "{values} beyond 1e12: training takes each for 1e12 or -1e12, so that it cannot tell them apart, and \
                 refuses the column as a target of regression; write ids as text, such as `id-1234567890123`"
            ),
            NoteCode::AmbiguousCommas => {
                format!("a comma as in `1,234` may come before decimals or thousands, {as_text}; write 1.234 or 1234")
            }
            NoteCode::AmbiguousPoints => format!(
                "other columns have decimal commas, and a point as in `1.234` may come before thousands, {as_text}; \
                 write 1,234 or 1234"
            ),
        };
        Self { code, count, detail }
    }
}
