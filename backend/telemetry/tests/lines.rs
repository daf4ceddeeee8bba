//! The lines that a service writes for a request, at each level that can be set.

#![allow(clippy::unwrap_used)]

use belfry_test_support::eventually_blocking;

use crate::service::{PATIENCE, Service};

#[test]
fn a_line_that_is_not_hidden_has_the_id_of_its_request() {
    for level in ["info", "warn", "error", "error,shapes=info", "belfry_telemetry=error"] {
        let folder = tempfile::tempdir().unwrap();
        let variables = [("LOG__DIR", folder.path().to_str().unwrap()), ("LOG__LEVEL", level)];
        let service = Service::start_example("shapes", &variables);
        service.send("GET /panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: r-17\r\n\r\n");
        let line = eventually_blocking(&format!("{level}: the panic is logged"), PATIENCE, || {
            let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
            let lines = std::fs::read_to_string(file).unwrap();
            lines.lines().find(|line| line.contains("handler panicked")).map(str::to_owned).ok_or(lines)
        });
        assert!(line.contains(r#""request_id":"r-17""#), "{level}: {line}");
    }
}
