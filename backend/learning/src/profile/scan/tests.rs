//! What is found in a record is what a plain reading of it finds.

use super::*;
use crate::cell::{DecimalMark, number, number_with};

const WITH_COMMAS: Scanner = Scanner { delimiter: b';', mark_bits: b'.' ^ b',' };
const WITHOUT_COMMAS: Scanner = Scanner { delimiter: b',', mark_bits: 0 };

/// The digits before the mark and the mark of a plain decimal, byte for byte.
fn plain_decimal(cell: &str, marks: &[u8]) -> Option<(usize, Option<DecimalMark>)> {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell).as_bytes();
    let is_mark = |byte: &u8| marks.contains(byte);
    let mark_at = digits.iter().position(is_mark);
    let has_digits = digits.iter().any(u8::is_ascii_digit) && digits.len() <= SURELY_FINITE;
    let no_others = digits.iter().all(|byte| byte.is_ascii_digit() || is_mark(byte));
    let is_decimal = has_digits && no_others && digits.iter().filter(|byte| is_mark(byte)).count() <= 1;
    let mark = mark_at.map(|at| if digits[at] == b',' { DecimalMark::Comma } else { DecimalMark::Point });
    is_decimal.then(|| (mark_at.unwrap_or(digits.len()), mark))
}

/// All cells of up to five of the bytes that matter, those with seven digits more, and some long ones.
fn cells() -> Vec<String> {
    const BYTES: [char; 7] = ['0', '7', '.', ',', '-', '+', 'x'];
    let mut cells = vec![String::new()];
    let mut begin = 0;
    for _ in 0..5 {
        let end = cells.len();
        for index in begin..end {
            cells.extend(BYTES.map(|byte| format!("{}{byte}", cells[index])));
        }
        begin = end;
    }
    let short = cells.len().min(3000);
    for index in 0..short {
        cells.extend([format!("{}1234567", cells[index]), format!("-1234567{}", cells[index])]);
    }
    for digits in [8, 9, 16, 17, 299, 300, 301] {
        cells.extend(["", "-", "."].map(|start| format!("{start}{}", "9".repeat(digits))));
        cells.push(format!("{}.5", "9".repeat(digits)));
    }
    cells.push("9".repeat(70_000));
    cells
}

#[test]
fn words_find_the_decimals_that_bytes_find() {
    for cell in cells() {
        for (scanner, marks) in [(WITHOUT_COMMAS, &b"."[..]), (WITH_COMMAS, &b".,"[..])] {
            let found = scanner.scan_cell(cell.as_bytes());
            let Some((digits, mark)) = plain_decimal(&cell, marks) else {
                assert_eq!(found.shape, Shape::Other, "{cell}");
                continue;
            };
            assert_eq!(
                found.shape,
                mark.map_or(Shape::Whole, |mark| if mark == DecimalMark::Comma {
                    Shape::WithComma
                } else {
                    Shape::WithPoint
                }),
                "{cell}"
            );
            assert_eq!(found.may_be_large, digits > SURELY_SMALL, "{cell}");
            assert!(number_with(cell.as_bytes(), mark.unwrap_or_default()).is_some(), "{cell}");
            let mut key = found.key.to_le_bytes().to_vec();
            key.retain(|byte| *byte != 0);
            assert_eq!(key, if cell.len() < Word::BYTES { cell.as_bytes() } else { b"" }, "{cell}");
        }
    }
}

#[test]
fn what_is_no_plain_decimal_is_left_to_the_parser() {
    for cell in ["", "-", ".", "+.", "1.2.3", "1e5", "--1", "1 2", "x", "1,5", "inf", "1_000", "\u{661}"] {
        assert_eq!(WITHOUT_COMMAS.scan_cell(cell.as_bytes()).shape, Shape::Other, "{cell}");
    }
    assert_eq!(number(b"1e5"), Some(1e5));
}

fn split(bytes: &str, columns: usize) -> Option<(usize, Vec<&str>)> {
    let mut fields = vec![Field::default(); columns];
    let end = WITHOUT_COMMAS.split_record(bytes.as_bytes(), 60, &mut fields)?;
    for field in &fields {
        let cell = field.bytes(bytes.as_bytes());
        let alone = WITHOUT_COMMAS.scan_cell(cell);
        assert_eq!(
            (field.shape, field.key),
            (alone.shape, if alone.shape == Shape::Other { field.key } else { alone.key }),
            "{bytes:?}"
        );
    }
    let texts = fields.iter().map(|field| std::str::from_utf8(field.bytes(bytes.as_bytes())).unwrap());
    Some((end, texts.collect()))
}

#[test]
fn a_record_is_split_at_its_delimiters_and_line_end() {
    let long = "a long text of more than eight and even twenty-four bytes";
    for (record, fields) in [
        ("\"a\",\"1.5\",x", vec!["a", "1.5", "x"]),
        ("1,\"x, y\nz\",", vec!["1", "x, y\nz", ""]),
        ("\"\",\"\"", vec!["", ""]),
        (&format!("\"{long}\""), vec![long]),
        (long, vec![long]),
        ("a\"b,\"c\"", vec!["a\"b", "c"]),
        ("\"say \"\"hi\"\"\",2", vec!["\"", "2"]),
        ("\"12\"\"\",2", vec!["\"", "2"]),
        ("\"\"\"\",\"-\",-,+1,\"3,5\"", vec!["\"", "-", "-", "+1", "3,5"]),
        (
            "1234567,12345678,123456789,\"1234567\",\"12345678\"",
            vec!["1234567", "12345678", "123456789", "1234567", "12345678"],
        ),
    ] {
        for rest in ["\n", "\r", "\r\n", "\nmore,of\nit", "\n\"more\n"] {
            let bytes = format!("{record}{rest}");
            assert_eq!(split(&bytes, fields.len()), Some((record.len(), fields.clone())), "{bytes:?}");
        }
    }
}

#[test]
fn what_needs_memory_is_left_to_the_reader_that_has_it() {
    let long = format!("\"{}\",2\n", "x".repeat(59));
    for record in ["\"a\"b,1\n", "\"a\",1", "\"a\",", "\"a\"", "\"a", "\"a\"\"", "\"1", "\"a\",\"b\n", "1", "", &long] {
        assert_eq!(split(record, 2), None, "{record:?}");
    }
    assert_eq!((split("1,2,3\n", 2), split("1\n", 2), split("1\n", 0)), (None, None, None));
}
