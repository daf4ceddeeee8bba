//! Answers as providers give them, and what they come to.

use std::time::Duration;

use super::*;

const KEY: &str = "sk-hunter2";

fn read_body(status: u16, body: &str) -> Reading {
    let status = reqwest::StatusCode::from_u16(status).unwrap();
    let retry_after = Some(Duration::from_secs(7));
    let response = ServiceResponse { status, body: body.as_bytes().to_vec(), is_cut: false, retry_after };
    read(Ok(response), &belfry_telemetry::settings::header_token(KEY).unwrap())
}

fn completion(message: &str, rest: &str) -> String {
    format!(
        r#"{{"model":"m-1","object":"chat.completion","choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]{rest}}}"#
    )
}

const USAGE: &str = r#","usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}"#;

#[test]
fn a_completion_is_read_with_what_it_used() {
    let said = r#"{"role":"assistant","content":"Good."}"#;
    let reading = read_body(200, &completion(said, USAGE));
    let expected = Completion { text: "Good.".to_owned(), model: Some("m-1".to_owned()), is_cut: false };
    assert_eq!((reading.outcome, reading.result), (AiOutcome::Ok, Ok(expected)));
    let usage = reading.report.unwrap().usage.unwrap();
    assert_eq!((usage.prompt(), usage.output()), (12, 3));
    let parts = r#"{"content":[{"type":"text","text":"Go"},{"type":"text","text":"od."}]}"#;
    assert_eq!(read_body(200, &completion(parts, USAGE)).result.unwrap().text, "Good.");
    let cut = completion(said, USAGE).replace("\"stop\"", "\"length\"");
    assert!(read_body(200, &cut).result.unwrap().is_cut);
}

#[test]
fn a_completion_without_usage_is_still_one() {
    let reading = read_body(200, &completion(r#"{"content":"Good."}"#, ""));
    assert_eq!(reading.outcome, AiOutcome::NoUsage);
    assert_eq!(reading.result.unwrap().text, "Good.");
}

#[test]
fn answers_without_a_text_are_told_apart() {
    let whole = completion(r#"{"content":"Good."}"#, USAGE);
    for (body, kind) in [
        ("", FailureKind::Truncated),
        (&whole[..whole.len() - 1], FailureKind::Truncated),
        (&whole[..40], FailureKind::Truncated),
        ("<html>", FailureKind::Malformed),
        ("[]", FailureKind::Malformed),
        (r#"{"choices":7}"#, FailureKind::Malformed),
        (r#"{"choices":[]}"#, FailureKind::Empty),
        ("{}", FailureKind::Empty),
        (&completion(r#"{"content":null}"#, USAGE), FailureKind::Empty),
        (&completion(r#"{"content":" \n\u202e\u0000 "}"#, USAGE), FailureKind::Empty),
        (&completion("null", USAGE), FailureKind::Empty),
    ] {
        let reading = read_body(200, body);
        let failure = reading.result.unwrap_err();
        assert_eq!((failure.kind, failure.may_be_retried()), (kind, false), "{body}");
        assert_eq!(reading.outcome, kind.outcome());
    }
    let billed = read_body(200, &completion(r#"{"content":null}"#, USAGE));
    assert_eq!(billed.report.unwrap().usage.unwrap().prompt(), 12);
}

#[test]
fn an_error_has_the_kind_of_its_status_wherever_it_stands() {
    for (status, kind, retried) in [
        (400, FailureKind::BadRequest, false),
        (401, FailureKind::Refused, false),
        (402, FailureKind::Refused, false),
        (404, FailureKind::BadRequest, false),
        (408, FailureKind::Timeout, true),
        (429, FailureKind::RateLimited, true),
        (500, FailureKind::ServerError, true),
        (504, FailureKind::Timeout, false),
        (524, FailureKind::Timeout, false),
        (529, FailureKind::ServerError, true),
    ] {
        let body = format!(r#"{{"error":{{"message":"x","code":{status}}}}}"#);
        let in_choice = format!(r#"{{"choices":[{{"error":{{"code":{status}}},"message":{{"content":""}}}}]}}"#);
        for reading in [read_body(status, "<html>"), read_body(200, &body), read_body(200, &in_choice)] {
            let failure = reading.result.unwrap_err();
            let expected = (kind, Some(status), retried);
            assert_eq!((failure.kind, failure.http_status, failure.may_be_retried()), expected);
            assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        }
    }
    let without_choices = r#"{"choices":null,"error":{"code":429}}"#;
    assert_eq!(read_body(200, without_choices).result.unwrap_err().kind, FailureKind::RateLimited);
    assert_eq!(read_body(302, "").result.unwrap_err().kind, FailureKind::BadRequest);
    assert_eq!(read_body(200, r#"{"error":{}}"#).result.unwrap_err().kind, FailureKind::ServerError);
}

#[test]
fn no_part_of_an_answer_keeps_the_key() {
    let said = r#"{"content":"My key is sk-hunter2, sk-\u0000hunter2."}"#;
    let names = r#","id":"sk-hunter2","provider":"x sk-hunter2","service_tier":"sk-hunter2""#;
    let body = completion(said, &format!("{names}{USAGE}")).replace("m-1", "sk-hunter2");
    let reading = read_body(200, &body);
    assert!(!format!("{reading:?}").contains("hunter2"), "{reading:?}");
    let completion = reading.result.unwrap();
    assert_eq!((completion.text.as_str(), completion.model), ("My key is [removed], [removed].", None));
    assert_eq!(reading.report.unwrap().usage.unwrap().prompt(), 12);
}

#[test]
fn of_an_error_only_a_word_is_shown_and_never_the_key() {
    let code = |error: &str| read_body(404, &format!(r#"{{"error":{error}}}"#)).result.unwrap_err().provider_code;
    assert_eq!(code(r#"{"code":"model_not_found","message":"sk-hunter2"}"#).as_deref(), Some("model_not_found"));
    assert_eq!(code(r#"{"code":null,"type":"invalid_request_error"}"#).as_deref(), Some("invalid_request_error"));
    for hidden in [r#"{"code":"sk-hunter2"}"#, r#"{"code":"hunter2"}"#, r#"{"code":"Key sk-hunter2 is wrong"}"#, "{}"] {
        assert_eq!(code(hidden), None, "{hidden}");
    }
}
