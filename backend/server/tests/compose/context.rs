//! Whether the guard of the build context (`scripts/build-context.py`, which needs no engine) sees what an engine is sent.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::stack::project_root;

/// The files below a folder, relative to it.
fn files_below(folder: &Path) -> BTreeSet<String> {
    let output = Command::new("find")
        .args([".", "-type", "f"])
        .current_dir(folder)
        .output()
        .expect("find is on every machine that has a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("file names in UTF-8").lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
fn the_guard_sees_the_context_that_the_engine_sees() {
    let (sent, guarded) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut build = Command::new("docker")
        .args(["buildx", "build", "--quiet", "--file", "-", "--output"])
        .arg(format!("type=local,dest={}", sent.path().display()))
        .arg(".")
        .current_dir(project_root())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("docker runs");
    build.stdin.take().expect("piped").write_all(b"FROM scratch\nCOPY . /\n").expect("docker reads");
    assert!(build.wait().expect("docker ends").success());

    let script = project_root().join("scripts/build-context.py");
    let laid = Command::new(script).arg(project_root()).arg(guarded.path()).status().expect("the script runs");
    assert!(laid.success());

    let sent = files_below(sent.path());
    assert!(sent.contains("./backend/server/src/main.rs"), "{sent:?}");
    assert_eq!(files_below(guarded.path()), sent);
}
