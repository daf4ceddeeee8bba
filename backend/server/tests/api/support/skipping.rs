//! Tests that cannot run here say so, past the test harness: what the print macros say in a test that passes is thrown away.

use std::io::Write;

/// Says that the running test, or a part of it, is skipped, and why.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Nobody could be told of a failure.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Whether the tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os("BELFRY_TEST_DATABASE_URL").is_some()
}

/// Whether a test of the embedded database is skipped because the tests run on PostgreSQL.
pub fn skipped_on_postgres(why: &str) -> bool {
    if on_postgres() {
        skipped(&format!("on PostgreSQL {why}"));
    }
    on_postgres()
}
