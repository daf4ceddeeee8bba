//! A test's name is a claim that can be read at a glance; its module says the subject.

use std::path::Path;
use std::process::Command;

/// Names are shorter than this.
const LIMIT: usize = 60;

#[test]
fn every_test_name_is_short() {
    let (mut long, mut seen) = (Vec::new(), 0);
    let backend = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    collect(backend, &mut |name, path| {
        seen += 1;
        if name.len() >= LIMIT {
            long.push(format!("{}: {name} has {} characters", path.display(), name.len()));
        }
    });
    assert!(seen > 500, "only {seen} tests were found");
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// A name that is no more would leave nothing out; one that is part of another would leave out both.
#[test]
fn each_test_left_out_on_postgresql_exists_once() {
    let list = include_str!("../api/same_on_postgresql.txt");
    let output = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let known = String::from_utf8(output.stdout).unwrap();
    let left_out: Vec<&str> = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(left_out.len() > 10, "{left_out:?}");
    for name in left_out {
        let found: Vec<&str> = known.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(found, [format!("{name}: test")], "same_on_postgresql.txt names {name}");
    }
}

/// Calls `found` with the name of every test below a folder.
fn collect(folder: &Path, found: &mut impl FnMut(&str, &Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
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
