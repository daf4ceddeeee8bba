//! What a request costs in instructions, which other work on the machine does not change. As a ratio to the bare handler, so
//! that another compiler changes it little; of the unoptimised program that the tests have anyway. For the optimised one:
//! benches/instructions.sh.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use crate::service::command;

/// Instructions for each instruction of the bare handler. To be lowered with every improvement; they may grow by a tenth.
const KNOWN: [(&str, f64); 3] = [("layer", 1.51), ("observe", 2.28), ("observe-off", 2.05)];

const GROWTH: f64 = 1.1;

#[test]
fn a_request_costs_no_more_instructions_by_callgrind() {
    // With metrics on, and off.
    let measured = std::thread::scope(|scope| {
        let on = scope.spawn(|| instructions(&["bare", "layer", "observe"]));
        let off = scope.spawn(|| instructions(&["bare", "observe-off"]));
        [on, off].map(|thread| thread.join().unwrap())
    });
    let mut wrong = Vec::new();
    for (variant, known) in KNOWN {
        let of_bare = |counts: &Vec<(&str, u64)>| {
            let count = counts.iter().find(|(name, _)| *name == variant)?.1;
            Some(count as f64 / counts[0].1 as f64)
        };
        let ratio = measured.iter().find_map(of_bare).unwrap();
        println!("{variant}: {ratio:.3} times the instructions of the bare handler, {known} known");
        // A layer that costs nothing was not measured.
        if !(1.0..=known * GROWTH).contains(&ratio) {
            wrong.push(format!("{variant}: {ratio:.3} times the instructions of the bare handler, not {known}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} in {measured:?}");
}

/// The instructions of 200 requests to each of these variants in one process.
fn instructions<'v>(variants: &[&'v str]) -> Vec<(&'v str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted_requests*", "--dump-before=*write_counts*"])
        .arg(format!("--callgrind-out-file={}", folder.path().join("counts").display()))
        .arg(command("variants").get_program())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("VARIANT", variants.join(","))
        .env("REQUESTS", "200")
        .stdout(Stdio::null())
        .output()
        .expect("valgrind must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The first dump is numbered 1.
    let counted = variants
        .iter()
        .zip(1..)
        .map(|(variant, number)| (*variant, total(&folder.path().join(format!("counts.{number}")))));
    counted.collect()
}

/// The instructions in a dump of callgrind.
fn total(dump: &Path) -> u64 {
    let text = std::fs::read_to_string(dump).unwrap_or_else(|error| panic!("{}: {error}", dump.display()));
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let total = total.unwrap_or_else(|| panic!("{} has no total", dump.display())).trim().parse().unwrap();
    assert!(total > 0, "callgrind has not found counted_requests in {}", dump.display());
    total
}
