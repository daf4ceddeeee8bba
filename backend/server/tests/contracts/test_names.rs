//! A test's name is a claim that can be read at a glance; its module says the subject.

use std::path::Path;

/// Names are shorter than this.
const LIMIT: usize = 60;

#[test]
fn every_test_name_is_short() {
    let (mut long, mut seen) = (Vec::new(), 0);
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut |name, path| {
        seen += 1;
        if name.len() >= LIMIT {
            long.push(format!("{}: {name} has {} characters", path.display(), name.len()));
        }
    });
    assert!(seen > 200, "only {seen} tests were found");
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Calls `found` with the name of every test of a folder.
fn collect(folder: &Path, found: &mut impl FnMut(&str, &Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
                found(rest.split('(').next().unwrap(), &path);
                is_test = false;
            }
        }
    }
}
