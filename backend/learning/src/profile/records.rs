//! The body of a table: framing records and showing their cells to the columns.
//!
//! There are two lanes. A record that lies in one piece is split where it lies. Any other goes through `csv-core`, which
//! remembers where it was from piece to piece, and so does one that is to be refused. Both see the same records; a test
//! pushes the same files whole and byte by byte and compares.

use std::collections::HashSet;

use csv_core::ReadRecordResult;

use super::column::ColumnState;
use super::error::{CsvError, CsvErrorCode};
use super::scan::{Field, Scanner};
use super::{Limits, Profile};
use crate::cell;

#[derive(Debug)]
pub(crate) struct Records {
    limits: Limits,
    delimiter: u8,
    reader: csv_core::Reader,
    scanner: Scanner,
    /// The fields of the last record that was split where it lay, one for each column.
    split: Vec<Field>,
    columns: Vec<ColumnState>,
    rows: u64,
    /// The physical line the next byte stands on.
    line: u64,
    /// The line on which the current record began.
    record_line: u64,
    /// The record in progress in the slow lane: its bytes as they stand in the file, or 0.
    open_bytes: usize,
    fields: Vec<u8>,
    fields_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
}

impl Records {
    pub(crate) fn new(limits: Limits, delimiter: u8) -> Self {
        Self {
            limits,
            delimiter,
            reader: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            scanner: Scanner::new(delimiter, may_have_decimal_commas(delimiter)),
            split: Vec::new(),
            columns: Vec::new(),
            rows: 0,
            line: 1,
            record_line: 1,
            open_bytes: 0,
            fields: Vec::new(),
            fields_len: 0,
            ends: Vec::new(),
            ends_len: 0,
        }
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The field a record in progress has reached.
    pub(crate) fn open_field(&self) -> Option<(usize, Option<&str>)> {
        let name = self.columns.get(self.ends_len).map(|column| column.name.as_str());
        (self.open_bytes > 0).then_some((self.ends_len, name))
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<(), CsvError> {
        // `self.line` includes the line ends before `counted`: counting many at once costs less than at each record.
        let (mut at, mut counted) = (0, 0);
        while let Some(&first) = chunk.get(at) {
            if self.open_bytes == 0 {
                if first == b'\n' || first == b'\r' {
                    at += 1;
                    continue;
                }
                if let Some(taken) = self.take_whole_record(&chunk[at..]) {
                    at += taken;
                    continue;
                }
                self.line += line_ends(&chunk[counted..at]);
                self.record_line = self.line;
            }
            at += self.feed_slowly(&chunk[at..])?;
            counted = at;
        }
        self.line += line_ends(&chunk[counted..]);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Profile, CsvError> {
        if self.open_bytes > 0 {
            // The line end that the file lacks; it closes any field but a quoted one.
            self.feed_slowly(b"\n")?;
        }
        if self.open_bytes > 0 {
            let found = "a quoted field that never ends";
            let error = CsvError::new(CsvErrorCode::UnclosedQuote, self.record_line, found, "a closing quote");
            return Err(match self.open_field() {
                Some((index, name)) => error.at_column(index, name),
                None => error,
            });
        }
        if self.columns.is_empty() {
            return Err(CsvError::new(CsvErrorCode::EmptyFile, 1, "no content", "a line of column names and rows"));
        }
        if self.rows == 0 {
            let expected = "at least one row below the column names";
            return Err(CsvError::new(CsvErrorCode::NoRows, self.record_line, "only a header line", expected));
        }
        let rows = self.rows;
        let has_decimal_commas = self.columns.iter().any(ColumnState::has_decimal_commas);
        let columns = self.columns.into_iter().map(|column| column.finish(rows, has_decimal_commas));
        Ok(Profile { rows, columns: columns.collect() })
    }

    /// Passes bytes of one record to `csv-core`; returns how many it took.
    fn feed_slowly(&mut self, chunk: &[u8]) -> Result<usize, CsvError> {
        self.ends.resize(self.limits.max_columns + 2, 0);
        // The limit is checked byte for byte, so that a long piece is refused where many short ones would be.
        let allowed = self.max_record_bytes() + 1 - self.open_bytes;
        let chunk = &chunk[..chunk.len().min(allowed)];
        self.make_room(chunk.len());
        let (result, taken, written, ended) =
            self.reader.read_record(chunk, &mut self.fields[self.fields_len..], &mut self.ends[self.ends_len..]);
        self.open_bytes += taken;
        self.fields_len += written;
        self.ends_len += ended;
        self.line += line_ends(&chunk[..taken]);
        match result {
            ReadRecordResult::Record => {
                let (fields, ends) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.ends));
                let taken_record = self.take_parsed_record(&fields[..self.fields_len], &ends[..self.ends_len]);
                (self.fields, self.ends) = (fields, ends);
                (self.open_bytes, self.fields_len, self.ends_len) = (0, 0, 0);
                taken_record?;
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => self.check_length(self.open_bytes)?,
            ReadRecordResult::OutputFull => self.check_length(usize::MAX)?,
            ReadRecordResult::OutputEndsFull if self.columns.is_empty() => return Err(self.too_many_columns()),
            ReadRecordResult::OutputEndsFull => return Err(self.ragged(self.ends_len)),
        }
        Ok(taken)
    }

    /// Makes room for the fields in this many more bytes, which are never longer than those. Grows by an eighth, so that a
    /// long record costs little more than its size.
    fn make_room(&mut self, bytes: usize) {
        let needed = self.fields_len + bytes;
        if self.fields.len() < needed {
            let grown = needed.max(self.fields.len() + self.fields.len() / 8);
            self.fields.reserve_exact(grown - self.fields.len());
            self.fields.resize(grown, 0);
        }
    }

    /// Takes the record that `bytes` begin with and returns its length with the first byte of its line end. `None` if it is
    /// for the slow lane.
    fn take_whole_record(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = self.scanner.split_record(bytes, self.limits.max_record_bytes, &mut self.split)?;
        for (column, field) in self.columns.iter_mut().zip(&self.split) {
            column.observe(field.bytes(bytes), field);
        }
        self.rows += 1;
        Some(end + 1)
    }

    fn take_parsed_record(&mut self, fields: &[u8], ends: &[usize]) -> Result<(), CsvError> {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cells = starts.zip(ends).map(|(start, &end)| &fields[start..end]);
        if self.columns.is_empty() {
            return self.take_header(cells);
        }
        if ends.len() != self.columns.len() {
            return Err(self.ragged(ends.len()));
        }
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.observe(cell, &self.scanner.scan_cell(cell));
        }
        self.rows += 1;
        Ok(())
    }

    fn take_header<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]>) -> Result<(), CsvError> {
        let cells: Vec<&[u8]> = cells.take(self.limits.max_columns + 1).map(<[u8]>::trim_ascii).collect();
        if cells.len() > self.limits.max_columns {
            return Err(self.too_many_columns());
        }
        let has_commas = may_have_decimal_commas(self.delimiter);
        let is_number =
            |cell: &&[u8]| cell::number(cell).is_some() || (has_commas && cell::number_with_comma(cell).is_some());
        if cells.iter().all(is_number) {
            return Err(CsvError::new(
                CsvErrorCode::NoHeader,
                self.record_line,
                "only numbers in the first line",
                "a first line of column names",
            ));
        }
        let mut names = HashSet::with_capacity(cells.len());
        for (index, cell) in cells.iter().enumerate() {
            // The bytes were checked as UTF-8 before they came here.
            let name = String::from_utf8_lossy(cell).into_owned();
            if name.is_empty() {
                let error = CsvError::new(CsvErrorCode::EmptyColumnName, self.record_line, "no name", "a column name");
                return Err(error.at_column(index, None));
            }
            if !names.insert(*cell) {
                let found = "a name that an earlier column has";
                let error =
                    CsvError::new(CsvErrorCode::DuplicateColumn, self.record_line, found, "distinct column names");
                return Err(error.at_column(index, Some(&name)));
            }
            self.columns.push(ColumnState::new(name, has_commas));
        }
        self.split = vec![Field::default(); self.columns.len()];
        Ok(())
    }

    /// Bytes of the record in progress at most.
    fn max_record_bytes(&self) -> usize {
        if self.columns.is_empty() { self.limits.max_header_bytes() } else { self.limits.max_record_bytes }
    }

    fn check_length(&self, bytes: usize) -> Result<(), CsvError> {
        let max = self.max_record_bytes();
        if bytes <= max {
            return Ok(());
        }
        Err(CsvError::new(
            CsvErrorCode::RecordTooLong,
            self.record_line,
            format!("a record longer than {max} bytes"),
            format!("at most {max} bytes between line ends (is a quote left open?)"),
        ))
    }

    fn too_many_columns(&self) -> CsvError {
        let max = self.limits.max_columns;
        let found = format!("more than {max} columns");
        CsvError::new(CsvErrorCode::TooManyColumns, self.record_line, found, format!("at most {max} columns"))
    }

    fn ragged(&self, fields: usize) -> CsvError {
        let found = match fields {
            1 => "1 field".to_owned(),
            n if n > self.limits.max_columns => format!("more than {} fields", self.limits.max_columns),
            n => format!("{n} fields"),
        };
        let expected = format!("{} fields, as in the header", self.columns.len());
        let at = fields.min(self.columns.len());
        CsvError::new(CsvErrorCode::RaggedRow, self.record_line, found, expected)
            .at_column(at, self.columns.get(at).map(|column| column.name.as_str()))
    }
}

/// Whether numbers may have a decimal comma: where it does not separate columns, but a semicolon does.
fn may_have_decimal_commas(delimiter: u8) -> bool {
    delimiter == b';'
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
