//! Why a file is not a table, with line and column.

use std::fmt;

use serde::Serialize;
use strum::{Display, IntoStaticStr};

use crate::excerpt::excerpt;

/// The kinds of [`CsvError`], with stable names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CsvErrorCode {
    /// Nothing but line ends.
    EmptyFile,
    /// The first line holds only numbers, so it is data and the column names are absent.
    NoHeader,
    /// Column names, and nothing below them.
    NoRows,
    /// Two columns share a name.
    DuplicateColumn,
    /// A column has no name.
    EmptyColumnName,
    /// A record with more or fewer fields than the header.
    RaggedRow,
    /// More columns than are accepted.
    TooManyColumns,
    /// A record longer than is accepted.
    RecordTooLong,
    /// Not text: a NUL byte, or the signature of a binary format.
    NotText,
    /// Text in another encoding than UTF-8.
    NotUtf8,
    /// A quoted field that the file ends in.
    UnclosedQuote,
    /// More bytes than are accepted, counted after decompression.
    TooLarge,
    /// Gzip that unpacks to more times its size than is accepted.
    CompressionRatio,
    /// Said to be gzip, and is not, or is cut short.
    BadGzip,
}

impl CsvErrorCode {
    /// The name in API responses.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Why a file was refused as a table. Serialises to the extra fields of an API error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CsvError {
    /// The kind.
    pub code: CsvErrorCode,
    /// The physical line, from 1, on which the record at fault begins.
    pub line: u64,
    /// The column, from 1, where one is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// That column's name, or its beginning, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_name: Option<String>,
    /// What was found.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl CsvError {
    pub(crate) fn new(code: CsvErrorCode, line: u64, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { code, line, column: None, column_name: None, found: found.into(), expected: expected.into() }
    }

    pub(crate) fn at_column(mut self, index: usize, name: Option<&str>) -> Self {
        self.column = Some(index as u64 + 1);
        self.column_name = name.map(|name| excerpt(name).into_owned());
        self
    }
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match (self.column, &self.column_name) {
            (Some(column), Some(name)) => write!(f, ", column {column} (`{name}`)")?,
            (Some(column), None) => write!(f, ", column {column}")?,
            (None, _) => {}
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

impl std::error::Error for CsvError {}
