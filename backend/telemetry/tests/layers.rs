//! The modules of this crate import in one direction, as docs/architecture.md says.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use belfry_test_support::layers::{layers_from, sources, violations};

#[test]
fn no_module_imports_upward_and_no_files_in_a_circle() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(crate_folder.join("../../docs/architecture.md")).unwrap();
    let files = sources(&crate_folder.join("src"));
    assert!(files.len() > 50, "{} files", files.len());
    let found = violations(&layers_from(&document, "backend/telemetry"), &files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
