//! The modules of the server, and of the crates it trains and counts with, import in one direction, as docs/architecture.md says.

use std::path::Path;

use belfry_test_support::layers::{layers_from, sources, violations, within};

fn check(of_crate: &str, at_least: usize) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = std::fs::read_to_string(project.join("docs/architecture.md")).unwrap();
    let files = sources(&project.join(of_crate).join("src"));
    assert!(files.len() > at_least, "{} files", files.len());
    let found = violations(&layers_from(&document, of_crate), &files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_module_of_the_server_imports_upward() {
    check("backend/server", 90);
}

#[test]
fn no_module_of_learning_imports_upward() {
    check("backend/learning", 25);
}

#[test]
fn no_module_of_the_ledger_imports_upward() {
    check("backend/ledger", 20);
}

#[test]
fn no_file_of_training_imports_upward() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = std::fs::read_to_string(project.join("docs/architecture.md")).unwrap();
    let files = within(&sources(&project.join("backend/server/src")), "training");
    assert!(files.len() > 20, "{} files", files.len());
    let found = violations(&layers_from(&document, "backend/server/src/training"), &files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
