//! The refusals that hyper writes itself, before there is a request: 400, 414 and 431, each with an empty body. Here they
//! become problems as all others are.
//!
//! hyper has no hook for them, and says 431 of a target that is too long as well. But what it writes while no request is open,
//! and all responses are flushed, can only be one. Behind a pipelined response in the same write the refusal stays as hyper has it.

use axum::http::StatusCode;
use serde_json::json;

/// The response that stands for hyper's own, of which `written` is the beginning. Nothing if that is no refusal. Without
/// its first line, a header is too large because of its target.
pub fn refusal(written: &[u8], has_first_line: bool) -> Option<Vec<u8>> {
    let status = written.strip_prefix(b"HTTP/1.1 ").or_else(|| written.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)?;
    let status = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if !has_first_line => StatusCode::URI_TOO_LONG,
        status => status,
    };
    let (code, detail) = match status {
        StatusCode::URI_TOO_LONG => {
            ("uri_too_long", "the request's target is too long, expected a header of at most SERVER__MAX_HEADER_BYTES")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("header_too_large", "expected a header of at most SERVER__MAX_HEADER_BYTES, with at most 100 fields")
        }
        _ => ("malformed_request", "expected a request as HTTP/1.1 has it (RFC 9112)"),
    };
    Some(problem(status, code, detail))
}

/// The response to a header that was not complete in time.
pub fn header_timeout(seconds: f64) -> Vec<u8> {
    let detail = format!("the request's header was not complete within {seconds} s");
    problem(StatusCode::REQUEST_TIMEOUT, "header_timeout", &detail)
}

/// A whole response, for a connection that is closed behind it.
fn problem(status: StatusCode, code: &str, detail: &str) -> Vec<u8> {
    let title = status.canonical_reason().unwrap_or_default();
    let problem = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
        // There is no request yet that could have one.
        "request_id": null,
    });
    let body = problem.to_string();
    let head = format!(
        "HTTP/1.1 {} {title}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_are_replaced() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let problem = String::from_utf8(refusal(bare, true).unwrap()).unwrap();
        assert!(problem.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{problem}");
        assert!(problem.contains("application/problem+json") && problem.contains("\"header_too_large\""), "{problem}");
        let problem = String::from_utf8(refusal(bare, false).unwrap()).unwrap();
        assert!(problem.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{problem}");
        for other in [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"4\r\nabcd", b"HTTP/1.1 4"] {
            assert_eq!(refusal(other, false), None);
        }
    }
}
