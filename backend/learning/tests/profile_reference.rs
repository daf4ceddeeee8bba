//! The profiler against the plain reading of what it promises, on random tables: no words, no keys, no order, every cell
//! parsed.

use belfry_learning::cell::{self, DecimalMark, MAX_MAGNITUDE};
use belfry_learning::profile::{Column, ColumnKind, Limits, NoteCode};

use crate::profile::profile_with;

/// Cells that a column may be made of.
const POOLS: [&[&str]; 13] = [
    &["0", "1", "2", "01", "1.0", "-0"],
    &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "59", "60", "99"],
    &["2007", "2008", "2009.0", "2009", "-1", "64", "1000000", "12345678", "123456789"],
    &["1.25", "-17", "3.14159", "1000000", "+.5", "5.", "0.12345678901234"],
    &["1000000000000", "1000000000001", "-9999999999999", "123456789012345678.5", "000000000000001"],
    &["1,5", "2,25", "-0,5", "7", "1,", ",5", "0,1234567890"],
    &["1,0", "2,0", "1", "2,00", "30"],
    &["1,234", "12,345", "-999,000", "5"],
    &["1.234", "12.500", "7"],
    &["yes", "no", "TRUE", "False", "true"],
    &["Ghent", "East Flanders", "x, y; z", "say \"hi\"", "a\nb", "é", "2020-01-31", "1.2.3", "-", "\"12\""],
    &["NA", "", " - ", "n/a", "?", "null", "None", "nan", "  NA    "],
    &["1e5", "inf", "1e999", "-1.5e3", " 3 ", "1,5e3", " 1.5", "a text of more than four and twenty bytes, surely"],
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn cell(&mut self, pool: usize) -> &'static str {
        POOLS[pool][self.below(POOLS[pool].len())]
    }
}

/// Columns of cells, most of each from one or two pools.
fn random_columns(random: &mut Random) -> Vec<Vec<&'static str>> {
    let (columns, rows) = (2 + random.below(4), 1 + random.below(60));
    let column = |random: &mut Random| {
        let usual = random.below(POOLS.len());
        let seldom = random.below(POOLS.len());
        // Never, or at some rows.
        let every = if random.below(2) == 0 { usize::MAX } else { 2 + random.below(30) };
        (0..rows).map(|_| if random.below(every) == 0 { random.cell(seldom) } else { random.cell(usual) }).collect()
    };
    (0..columns).map(|_| column(random)).collect()
}

fn csv(columns: &[Vec<&str>], delimiter: char, random: &mut Random) -> String {
    let line_end = ["\n", "\r\n", "\r"][random.below(3)];
    let always_quoted = random.below(2) == 0;
    let names: Vec<_> = (0..columns.len()).map(|column| format!("c{column}")).collect();
    let mut csv = names.join(&delimiter.to_string()) + line_end;
    for row in 0..columns[0].len() {
        let cells = columns.iter().map(|column| {
            let cell = column[row];
            let needs_quotes = cell.contains(['"', '\n', delimiter]);
            if needs_quotes || always_quoted || random.below(8) == 0 {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.to_owned()
            }
        });
        csv += &(cells.collect::<Vec<_>>().join(&delimiter.to_string()) + line_end);
    }
    csv
}

/// What the cells of one column are, all looked at.
struct Expected {
    rows: usize,
    present: usize,
    /// Finite values, with points or commas.
    values: Vec<f64>,
    infinite: usize,
    has_points: bool,
    has_commas: bool,
    all_points_may_be_thousands: bool,
    all_commas_may_be_thousands: bool,
    has_others: bool,
    all_booleans: bool,
}

impl Expected {
    fn from_cells(cells: &[&str], may_have_commas: bool) -> Self {
        let present: Vec<_> =
            cells.iter().map(|cell| cell.trim()).filter(|cell| !cell::is_missing(cell.as_bytes())).collect();
        let mut expected = Self {
            rows: cells.len(),
            present: present.len(),
            values: Vec::new(),
            infinite: 0,
            has_points: false,
            has_commas: false,
            all_points_may_be_thousands: true,
            all_commas_may_be_thousands: true,
            has_others: false,
            all_booleans: present.iter().all(|cell| cell::boolean(cell.as_bytes()).is_some()),
        };
        for cell in present {
            match (cell.parse::<f64>(), cell::number_with(cell.as_bytes(), DecimalMark::Comma)) {
                (Ok(value), _) if value.is_infinite() => expected.infinite += 1,
                (Ok(value), _) => {
                    expected.values.push(value);
                    expected.has_points |= cell.contains('.');
                    expected.all_points_may_be_thousands &= !cell.contains('.') || may_be_thousands(cell, '.');
                }
                (Err(_), Some(value)) if may_have_commas => {
                    expected.values.push(value);
                    expected.has_commas = true;
                    expected.all_commas_may_be_thousands &= may_be_thousands(cell, ',');
                }
                _ => expected.has_others = true,
            }
        }
        expected
    }

    fn are_numbers(&self) -> bool {
        !(self.has_others || self.has_points && self.has_commas)
    }

    fn surely_has_commas(&self) -> bool {
        self.are_numbers() && self.has_commas && !self.all_commas_may_be_thousands && self.infinite == 0
    }

    fn note(&self, table_has_commas: bool) -> Option<(NoteCode, usize)> {
        let ambiguous_points = self.has_points && self.all_points_may_be_thousands && table_has_commas;
        if !self.are_numbers() {
            None
        } else if self.infinite > 0 {
            Some((NoteCode::NotFinite, self.infinite))
        } else if self.has_commas && self.all_commas_may_be_thousands {
            Some((NoteCode::AmbiguousCommas, self.present))
        } else {
            ambiguous_points.then_some((NoteCode::AmbiguousPoints, self.present))
        }
    }

    fn assert_is(&self, column: &Column, table_has_commas: bool, csv: &str) {
        let note = self.note(table_has_commas);
        let kind = match () {
            () if self.present == 0 => ColumnKind::Empty,
            () if self.are_numbers() && note.is_none() => ColumnKind::Number,
            () if self.all_booleans => ColumnKind::Boolean,
            () => ColumnKind::Text,
        };
        let is_number = kind == ColumnKind::Number;
        let too_large = self.values.iter().filter(|value| value.abs() > MAX_MAGNITUDE).count();
        let note = note.or((is_number && too_large > 0).then_some((NoteCode::TooLarge, too_large)));
        let mut distinct = self.values.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let are_classes = self.values.iter().all(|value| value.fract() == 0.0)
            && distinct.len() <= 20
            && distinct.len() * 2 <= self.present;
        let found = (column.kind, column.missing, column.decimal_mark, column.classes);
        let mark = if is_number && self.has_commas { DecimalMark::Comma } else { DecimalMark::Point };
        let classes = (is_number && are_classes).then_some(distinct.len());
        let missing = (self.rows - self.present) as u64;
        assert_eq!(found, (kind, missing, mark, classes), "{}: {csv}", column.name);
        let notes: Vec<_> = column.notes.iter().map(|note| (note.code, note.count as usize)).collect();
        assert_eq!(notes, note.into_iter().collect::<Vec<_>>(), "{}: {csv}", column.name);
    }
}

fn may_be_thousands(cell: &str, mark: char) -> bool {
    let digits = cell.trim_start_matches(['-', '+']);
    digits.split_once(mark).is_some_and(|(whole, decimals)| {
        (1..=3).contains(&whole.len())
            && !whole.starts_with('0')
            && decimals.len() == 3
            && decimals.parse::<u32>().is_ok()
    })
}

#[test]
fn a_profile_says_what_a_plain_reading_says() {
    let mut random = Random(1);
    let mut kinds = std::collections::HashMap::<_, usize>::new();
    for _ in 0..3000 {
        let columns = random_columns(&mut random);
        let delimiter = [',', ';', ';'][random.below(3)];
        let csv = csv(&columns, delimiter, &mut random);
        let profile = profile_with(csv.as_bytes(), Limits::default()).unwrap();
        assert_eq!((profile.rows, profile.columns.len()), (columns[0].len() as u64, columns.len()), "{csv}");
        let expected: Vec<_> = columns.iter().map(|cells| Expected::from_cells(cells, delimiter == ';')).collect();
        let table_has_commas = expected.iter().any(Expected::surely_has_commas);
        for (column, expected) in profile.columns.iter().zip(&expected) {
            expected.assert_is(column, table_has_commas, &csv);
            *kinds.entry((column.kind, column.decimal_mark, column.classes.is_some())).or_default() += 1;
        }
    }
    assert!(kinds.len() >= 7 && kinds.values().all(|columns| *columns > 50), "{kinds:?}");
}
