//! What the profiler says of tables, good and bad.

use std::io::Write as _;

use belfry_learning::cell::DecimalMark;
use belfry_learning::profile::{
    Column, ColumnKind, CsvError, CsvErrorCode, GzipProfiler, Limits, NoteCode, Profile, Profiler,
};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Pushes the bytes in pieces of one size.
fn profile_in(pieces: usize, bytes: &[u8], limits: Limits) -> Result<Profile, CsvError> {
    let mut profiler = Profiler::new(limits);
    for piece in bytes.chunks(pieces) {
        profiler.push(piece)?;
    }
    profiler.finish()
}

/// Profiles whole and in pieces of 1, 2, 3 and 7 bytes, which must make no difference.
pub(crate) fn profile_with(bytes: &[u8], limits: Limits) -> Result<Profile, CsvError> {
    let whole = profile_in(usize::MAX, bytes, limits);
    for pieces in [1, 2, 3, 7] {
        assert_eq!(profile_in(pieces, bytes, limits), whole, "in pieces of {pieces}");
    }
    whole
}

fn profile(bytes: &[u8]) -> Result<Profile, CsvError> {
    profile_with(bytes, Limits::default())
}

fn kinds(csv: &str) -> Vec<ColumnKind> {
    profile(csv.as_bytes()).unwrap().columns.into_iter().map(|column| column.kind).collect()
}

fn refusal(csv: &[u8]) -> CsvError {
    profile(csv).unwrap_err()
}

#[track_caller]
fn assert_refused(csv: &[u8], code: CsvErrorCode, line: u64, column: Option<u64>) -> CsvError {
    let error = refusal(csv);
    assert_eq!((error.code, error.line, error.column), (code, line, column), "{error}");
    error
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn profile_gzip(bytes: &[u8], limits: Limits) -> Result<Profile, CsvError> {
    let mut profiler = GzipProfiler::new(limits);
    for piece in bytes.chunks(1000) {
        profiler.push(piece)?;
    }
    profiler.finish()
}

#[test]
fn the_penguins_are_counted_and_their_columns_named() {
    let csv = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/penguins.csv")).unwrap();
    let profile = profile(&csv).unwrap();
    assert_eq!(profile.rows, 344);
    let column = |name: &str, kind, missing| Column {
        name: name.to_owned(),
        kind,
        missing,
        decimal_mark: DecimalMark::Point,
        classes: (name == "year").then_some(3),
        notes: Vec::new(),
    };
    let expected = [
        column("species", ColumnKind::Text, 0),
        column("island", ColumnKind::Text, 0),
        column("bill_length_mm", ColumnKind::Number, 2),
        column("bill_depth_mm", ColumnKind::Number, 2),
        column("flipper_length_mm", ColumnKind::Number, 2),
        column("body_mass_g", ColumnKind::Number, 2),
        column("sex", ColumnKind::Text, 11),
        column("year", ColumnKind::Number, 0),
    ];
    assert_eq!(profile.columns, expected);
}

#[test]
fn a_column_is_what_all_its_values_are() {
    use ColumnKind::{Boolean, Empty, Number, Text};
    assert_eq!(kinds("a,b,c,d\n1,yes,x,NA\n-2.5e3,NO,1,?\n,true,,\n"), [Number, Boolean, Text, Empty]);
    assert_eq!(kinds("a,b\n1,0\nyes,1\n"), [Text, Number]);
    assert_eq!(kinds("a,b\n1e999,inf\n1,2\n"), [Text, Text]);
    assert_eq!(kinds("a,b\ntrue,1\n3,x\n"), [Text, Text]);
    assert_eq!(kinds("a;b\n1,5;2\n"), [Number, Number]);
}

#[test]
fn every_missing_text_is_counted() {
    let csv = "a,b\nx,\nx,NA\nx,n/a\nx,NaN\nx,NULL\nx,none\nx,?\nx,-\nx, \nx,1\n";
    let profile = profile(csv.as_bytes()).unwrap();
    assert_eq!((profile.columns[1].missing, profile.columns[1].kind), (9, ColumnKind::Number));
}

#[test]
fn spreadsheet_habits_are_no_matter() {
    let plain = profile(b"a,b\n1,x\n2,y\n").unwrap();
    for same in [
        &b"\xEF\xBB\xBFa,b\n1,x\n2,y\n"[..],
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y",
        b"a;b\n1;x\n2;y",
        b"a\tb\n1\tx\n2\ty\n",
        b"a|b\n1|x\n2|y\n",
        b"\n\na,b\n\n1,x\n\r\n2,y\n\n",
        b"\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"\n",
        b" a , b\n 1 , x\n2,y\n",
    ] {
        assert_eq!(profile(same).unwrap(), plain, "{:?}", String::from_utf8_lossy(same));
    }
}

#[test]
fn a_quoted_field_may_hold_line_ends_delimiters_and_quotes() {
    let profile = profile(b"a,b\n\"one\ntwo, \"\"three\"\"\",1\nplain,2\n").unwrap();
    assert_eq!((profile.rows, profile.columns[1].kind), (2, ColumnKind::Number));
}

#[test]
fn a_line_number_counts_the_lines_inside_quotes() {
    assert_refused(b"a,b\n\"1\n2\n3\",x\n5\n", CsvErrorCode::RaggedRow, 5, Some(2));
}

#[test]
fn an_empty_file_is_refused() {
    for csv in [&b""[..], b"\n\n", b"\xEF\xBB\xBF", b"\r\n"] {
        assert_refused(csv, CsvErrorCode::EmptyFile, 1, None);
    }
}

#[test]
fn a_table_without_rows_is_refused() {
    assert_refused(b"a,b\n", CsvErrorCode::NoRows, 1, None);
    assert_refused(b"a,b", CsvErrorCode::NoRows, 1, None);
}

#[test]
fn a_first_line_of_numbers_is_no_header() {
    let error = assert_refused(b"1,2.5,-3\n4,5,6\n", CsvErrorCode::NoHeader, 1, None);
    assert_eq!(
        error.to_string(),
        "line 1: found only numbers in the first line, expected a first line of column names"
    );
    assert!(profile(b"1,b\n4,5\n").is_ok());
}

#[test]
fn a_ragged_row_is_named_with_its_line_and_column() {
    let short = assert_refused(b"a,b,c\n1,2,3\n1,2\n", CsvErrorCode::RaggedRow, 3, Some(3));
    assert_eq!(short.to_string(), "line 3, column 3 (`c`): found 2 fields, expected 3 fields, as in the header");
    let long = assert_refused(b"a,b\n1,2\n1,\"2\",3,4\n", CsvErrorCode::RaggedRow, 3, Some(3));
    assert_eq!((long.column_name, long.found.as_str()), (None, "4 fields"));
}

#[test]
fn column_names_are_distinct_and_present() {
    let twice = assert_refused(b"a,b,a\n1,2,3\n", CsvErrorCode::DuplicateColumn, 1, Some(3));
    assert_eq!(twice.column_name.as_deref(), Some("a"));
    assert_refused(b"a,,c\n1,2,3\n", CsvErrorCode::EmptyColumnName, 1, Some(2));
    assert_refused(b"a,\" \"\n1,2\n", CsvErrorCode::EmptyColumnName, 1, Some(2));
}

#[test]
fn ten_thousand_columns_are_too_many() {
    let names: Vec<String> = (0..10_000).map(|column| format!("c{column}")).collect();
    for header in [names.join(","), format!("\"q\",{}", names.join(","))] {
        let error = assert_refused(format!("{header}\n1\n").as_bytes(), CsvErrorCode::TooManyColumns, 1, None);
        assert_eq!((error.found.as_str(), error.expected.as_str()), ("more than 2000 columns", "at most 2000 columns"));
    }
}

#[test]
fn a_megabyte_in_one_line_is_too_long() {
    let mut plain = b"a,b\n1,".to_vec();
    plain.resize(1 << 20, b'x');
    assert_refused(&plain, CsvErrorCode::RecordTooLong, 2, None);
    let mut ended = plain.clone();
    ended.extend_from_slice(b"\n2,y\n");
    assert_refused(&ended, CsvErrorCode::RecordTooLong, 2, None);
    let mut quoted = b"a,b\n1,\"".to_vec();
    quoted.resize(1 << 20, b'\n');
    assert_refused(&quoted, CsvErrorCode::RecordTooLong, 2, None);
    assert_refused(&vec![b'x'; 1 << 20], CsvErrorCode::RecordTooLong, 1, None);
}

#[test]
fn a_record_may_be_as_long_as_the_limit_and_not_a_byte_longer() {
    let limits = Limits { max_record_bytes: 5, ..Limits::default() };
    for end in ["", "\n", "\r\n"] {
        for record in ["1,234", "\"1\",2"] {
            assert!(profile_with(format!("a,b{end}\n{record}{end}").as_bytes(), limits).is_ok(), "{record:?}{end:?}");
        }
        for record in ["1,2345", "\"1\",23"] {
            let error = profile_with(format!("a,b\n{record}{end}").as_bytes(), limits).unwrap_err();
            assert_eq!((error.code, error.line), (CsvErrorCode::RecordTooLong, 2), "{record:?}{end:?}");
        }
    }
}

#[test]
fn binary_files_are_called_by_their_format() {
    let zip = assert_refused(b"PK\x03\x04\x14\x00\x00\x00", CsvErrorCode::NotText, 1, None);
    assert_eq!(zip.found, "a zip archive or a spreadsheet");
    let gzipped = assert_refused(&gzip(b"a,b\n1,2\n"), CsvErrorCode::NotText, 1, None);
    assert_eq!(gzipped.found, "a gzip file");
    assert_refused(b"\x89PNG\r\n\x1A\n\x00\x00", CsvErrorCode::NotText, 1, None);
    assert_refused(b"a,b\n1,x\n2,\x00\n", CsvErrorCode::NotText, 3, Some(2));
}

#[test]
fn another_encoding_is_refused_where_it_shows() {
    let latin1 = assert_refused(b"name,city\nAnna,Basel\nBj\xF6rn,K\xF6ln\n", CsvErrorCode::NotUtf8, 3, Some(1));
    assert_eq!(
        latin1.to_string(),
        "line 3, column 1 (`name`): found the byte 0xF6, which is not UTF-8, expected UTF-8 text"
    );
    assert_refused(b"\xFF\xFEa\x00,\x00b\x00", CsvErrorCode::NotUtf8, 1, None);
    assert_refused(b"a,b\n1,\xE2\x82", CsvErrorCode::NotUtf8, 2, Some(2));
    assert!(profile("a,b\n1,\u{20AC}\u{1F426}\n".as_bytes()).is_ok());
}

#[test]
fn a_quote_left_open_is_reported_where_it_opened() {
    assert_refused(b"a,b\n1,x\n2,\"never closed\n3,y\n", CsvErrorCode::UnclosedQuote, 3, Some(2));
    assert!(profile(b"a,b\n1,\"closed\"").is_ok());
    assert!(profile(b"a,b\n1,5\" disk\n").is_ok());
}

#[test]
fn more_bytes_than_allowed_are_refused() {
    let limits = Limits { max_uncompressed_bytes: 20, ..Limits::default() };
    assert!(profile_with(b"a,b\n1,2\n1,2\n1,2\n1,2\n", limits).is_ok());
    let error = profile_with(b"a,b\n1,2\n1,2\n1,2\n1,2\n3", limits).unwrap_err();
    assert_eq!(error.code, CsvErrorCode::TooLarge);
}

#[test]
fn a_compressed_table_has_the_profile_of_the_plain_one() {
    let csv = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/digits.csv")).unwrap();
    assert_eq!(profile_gzip(&gzip(&csv), Limits::default()), profile_in(usize::MAX, &csv, Limits::default()));
    let two_members = [gzip(b"a,b\n1,2\n"), gzip(b"3,4\n")].concat();
    assert_eq!(profile_gzip(&two_members, Limits::default()).unwrap().rows, 2);
}

/// This many mebibytes of rows that are all the same.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"a,b\n").unwrap();
    let block = b"1,2\n".repeat(1 << 18);
    (0..mebibytes).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.finish().unwrap()
}

#[test]
fn a_gzip_bomb_stops_at_the_limit() {
    let bomb = bomb(64);
    assert!(bomb.len() < 100_000, "64 MiB of rows are {} bytes", bomb.len());
    let limits = Limits { max_uncompressed_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(profile_gzip(&bomb, limits).unwrap_err().code, CsvErrorCode::TooLarge);
}

#[test]
fn a_gzip_bomb_stops_at_the_ratio() {
    let error = profile_gzip(&bomb(20), Limits::default()).unwrap_err();
    assert_eq!(error.code, CsvErrorCode::CompressionRatio);
    assert_eq!(error.found, "gzip that unpacks to more than 200 times its size");
    // No further than 16 MiB, of rows of four bytes.
    let read_rows = (16 << 20) / 4;
    assert!((read_rows..read_rows + 32_768).contains(&error.line), "{error}");
    let generous = Limits { max_ratio: 1100, ..Limits::default() };
    assert_eq!(profile_gzip(&bomb(20), generous).unwrap().rows, 20 << 18);
}

#[test]
fn a_small_table_may_repeat_itself() {
    let bomb = bomb(15);
    assert!(bomb.len() * 500 < 15 << 20);
    assert_eq!(profile_gzip(&bomb, Limits::default()).unwrap().rows, 15 << 18);
}

#[test]
fn damaged_gzip_is_refused() {
    let whole = gzip(b"a,b\n1,2\n3,4\n5,6\n");
    for bytes in [&whole[..whole.len() - 4], &whole[..12], b"a,b\n1,2\n"] {
        assert_eq!(profile_gzip(bytes, Limits::default()).unwrap_err().code, CsvErrorCode::BadGzip);
    }
    assert_eq!(profile_gzip(b"", Limits::default()).unwrap_err().code, CsvErrorCode::EmptyFile);
    let mut flipped = whole.clone();
    let last = flipped.len() - 8;
    flipped[last] ^= 1;
    assert_eq!(profile_gzip(&flipped, Limits::default()).unwrap_err().code, CsvErrorCode::BadGzip);
}

/// Files put together at random from the pieces that matter to a CSV reader.
#[test]
fn how_a_file_is_cut_into_pieces_makes_no_difference() {
    const PIECES: [&str; 20] = [
        "a",
        "1",
        "-2.5",
        ",",
        ",",
        ";",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "\"\"",
        "é",
        "NA",
        "\u{1F426}",
        " ",
        "\",\"",
        "1,5",
        "1.234",
        "|",
    ];
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let limits = Limits { max_columns: 6, max_record_bytes: 24, max_uncompressed_bytes: 150, max_ratio: 200 };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut csv = if next(2) == 0 { b"x,y\n".to_vec() } else { Vec::new() };
        for _ in 0..next(40) {
            csv.extend_from_slice(PIECES[next(PIECES.len())].as_bytes());
        }
        if next(50) == 0 {
            csv.push(0xFF);
        }
        match profile_with(&csv, limits) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} accepted, {refused} refused");
}

/// The training side reads with the `csv` crate: both must see the same records.
#[test]
fn the_profiler_and_the_csv_crate_count_the_same_rows() {
    for csv in ["a,b\n1,2\n\n3,\"4\n5\"\r\n6,7", "a,b\r\n1,x\"y\r\n2,\"z\"w\r\n", "a\n1\n2\n\n\n3"] {
        let rows = csv::Reader::from_reader(csv.as_bytes()).into_byte_records().map(Result::unwrap).count();
        assert_eq!(profile(csv.as_bytes()).unwrap().rows, rows as u64, "{csv:?}");
    }
}

/// Tables of which most fields are quoted, in one piece and in pieces that cut them anywhere.
#[test]
fn quoted_fields_have_the_profile_of_bare_ones() {
    let bare = "id,note,amount,flag\n1,plain text,2.50,yes\n2,NA,-3,no\n13,x,1e3,true\n2,,+.5,false\n";
    let quoted: String = bare
        .lines()
        .map(|line| line.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\r\n")
        .collect();
    let expected = profile(bare.as_bytes()).unwrap();
    assert_eq!(profile(quoted.as_bytes()).unwrap(), expected);
    assert_eq!(expected.columns.iter().map(|column| column.missing).collect::<Vec<_>>(), [0, 2, 0, 0]);
}

#[test]
fn decimal_commas_are_numbers_where_a_semicolon_separates() {
    let table = |csv: &str| profile(csv.as_bytes()).unwrap().columns;
    let columns = table("a;b;c;d;e\n3,14;1;-0,5;\"1,5\";x\n2;2;1,5e3;NA;1,5\n1234,5;3;;7;2\n");
    let read: Vec<_> = columns.iter().map(|column| (column.kind, column.decimal_mark)).collect();
    let comma = (ColumnKind::Number, DecimalMark::Comma);
    let (point, text) = ((ColumnKind::Number, DecimalMark::Point), (ColumnKind::Text, DecimalMark::Point));
    assert_eq!(read, [comma, point, comma, comma, text]);
    // With points among them, with thousands, or where commas separate, they are text.
    assert_eq!(kinds("a;b\n1,5;1.234,5\n2.5;1\n"), [ColumnKind::Text, ColumnKind::Text]);
    assert_eq!(kinds("a,b\n\"1,5\",1\n"), [ColumnKind::Text, ColumnKind::Number]);
    assert_refused(b"1,5;2;3\n4;5;6\n", CsvErrorCode::NoHeader, 1, None);
}

#[test]
fn marks_that_may_be_thousands_make_a_column_text() {
    let noted = |csv: &str| {
        let column = profile(csv.as_bytes()).unwrap().columns.remove(0);
        (column.kind, column.notes.first().map(|note| (note.code, note.count)))
    };
    let text = |code, count| (ColumnKind::Text, Some((code, count)));
    assert_eq!(noted("a;b\n1,234;1\n12,500;2\n"), text(NoteCode::AmbiguousCommas, 2));
    assert_eq!(noted("a;b\n1,234;1\n0,500;2\n"), (ColumnKind::Number, None));
    assert_eq!(noted("a;b\n1,234;1\n0,5;2\n"), (ColumnKind::Number, None));
    // Points mean decimals, unless other columns have decimal commas.
    assert_eq!(noted("a;b\n1.234;1\n2.500;2\n"), (ColumnKind::Number, None));
    assert_eq!(noted("a;b\n1.234;0,5\n2.500;1\n"), text(NoteCode::AmbiguousPoints, 2));
    assert_eq!(noted("a;b\n1.234;0,5\n2.5;1\n"), (ColumnKind::Number, None));
}

#[test]
fn values_that_training_changes_are_named() {
    let notes = |csv: &str| {
        let columns = profile(csv.as_bytes()).unwrap().columns;
        columns.into_iter().flat_map(|column| column.notes).map(|note| (note.code, note.count)).collect::<Vec<_>>()
    };
    assert_eq!(notes("a,b\n1,x\n-inf,inf\nInfinity,1\n1e999,2\n"), [(NoteCode::NotFinite, 3)]);
    assert!(notes("a\n1000000000000\n-999999999999.9\n1\n").is_empty());
    let large = "id,b\n1000000000001,1\n\"9999999999999999\",2e13\n-1000000000000.5,3\n12,4\n";
    assert_eq!(notes(large), [(NoteCode::TooLarge, 3), (NoteCode::TooLarge, 1)]);
    assert_eq!(notes("id;b\n1000000000001,5;1\n3;2\n"), [(NoteCode::TooLarge, 1)]);
    // In a column of text they are texts.
    assert!(notes("a,b\ninf,9999999999999999\nx,y\n").is_empty());
    let detail = &profile(large.as_bytes()).unwrap().columns[0].notes[0].detail;
    assert!(detail.starts_with("3 values are beyond 1e12: training takes each for 1e12 or -1e12"), "{detail}");
}

#[test]
fn few_whole_numbers_are_counted_as_classes() {
    let classes = |csv: &str| profile(csv.as_bytes()).unwrap().columns[0].classes;
    assert_eq!(classes("y,x\n0,1\n1,2\n0,3\n01,4\n"), Some(2));
    assert_eq!(classes("y,x\n\"2008\",1\n2008,2\n2009.0,3\n2009,4\nNA,5\n"), Some(2));
    assert_eq!(classes("y;x\n1,0;1\n2,0;2\n1,0;3\n2,00;4\n"), Some(2));
    assert_eq!(classes("y,x\n0,1\n1,2\n2,3\n"), None, "each value only once");
    assert_eq!(classes("y,x\n0.5,1\n0.5,2\n"), None);
    assert_eq!(classes("y,x\nyes,1\nyes,2\n"), None);
}

#[test]
fn a_column_name_in_an_error_is_cut() {
    let name = "n".repeat(10_000);
    let error = assert_refused(format!("a,{name}\n1\n").as_bytes(), CsvErrorCode::RaggedRow, 2, Some(2));
    assert_eq!(error.column_name, Some(format!("{}…", "n".repeat(64))));
    assert!(error.to_string().len() < 200, "{error}");
}
