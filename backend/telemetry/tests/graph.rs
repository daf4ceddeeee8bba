//! The dependency graph stays lean: what appears twice, or at all, would break something silently.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

/// What cargo says of the build of these members of the workspace on this platform, a package a line.
fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every package that the build takes, as name and version.
fn packages() -> BTreeSet<(String, String)> {
    let text = tree(&["--workspace"]);
    let packages = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    packages.collect()
}

fn versions<'p>(packages: &'p BTreeSet<(String, String)>, name: &str) -> Vec<&'p str> {
    packages.iter().filter(|(found, _)| found == name).map(|(_, version)| version.as_str()).collect()
}

#[test]
fn there_is_one_metrics_facade() {
    // With two, what is emitted through one never reaches the recorder of the other.
    assert_eq!(versions(&packages(), "metrics").len(), 1);
}

#[test]
fn there_is_one_tls_provider_and_no_openssl() {
    let packages = packages();
    // With two providers rustls panics until one is chosen; OpenSSL would tie the binary to a system library.
    assert_eq!(versions(&packages, "rustls").len(), 1);
    assert_eq!(versions(&packages, "ring").len(), 1);
    for unwanted in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"] {
        assert!(versions(&packages, unwanted).is_empty(), "{unwanted} is in the graph: cargo tree -i {unwanted}");
    }
}

#[test]
fn there_is_one_http_client_besides_that_of_tracing_loki() {
    let packages = packages();
    // tracing-loki takes none that is newer. Nobody else may use it, and without TLS it needs no provider of its own.
    let (theirs, ours): (Vec<_>, Vec<_>) =
        versions(&packages, "reqwest").into_iter().partition(|version| version.starts_with("v0.12."));
    assert_eq!((ours.len(), theirs.len()), (1, 1), "{ours:?} {theirs:?}");
    let package = format!("reqwest@{}", theirs[0].trim_start_matches('v'));
    let users = tree(&["--workspace", "--invert", &package, "--depth", "1"]);
    let users: Vec<&str> = users.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(users, ["tracing-loki"]);
    let features = tree(&["--workspace", "--invert", &package, "--depth", "0", "--format", "{f}"]);
    assert!(!features.contains("tls"), "{package} has the features {features}");
}

/// What the documents say that the server is built on.
const NAMED: [&str; 10] = [
    "axum",
    "metrics",
    "metrics-exporter-prometheus",
    "serde",
    "sqlx",
    "sysinfo",
    "tokio",
    "tower-http",
    "tracing",
    "tracing-loki",
];

#[test]
fn the_server_is_built_on_what_the_readme_names() {
    let under_the_server = tree(&["--package", "belfry"]);
    let names: BTreeSet<&str> = under_the_server.lines().filter_map(|line| line.split(' ').next()).collect();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    for name in NAMED {
        assert!(names.contains(name), "{name} is not under the server");
        assert!(readme.contains(&format!("| `{name}` |")), "README.md has no row for {name}");
    }
}

#[test]
fn there_is_one_sqlite() {
    assert_eq!(versions(&packages(), "libsqlite3-sys").len(), 1);
}
