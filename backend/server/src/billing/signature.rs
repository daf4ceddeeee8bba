//! Signatures of Standard Webhooks, symmetric, version `v1`
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): HMAC-SHA-256 of the id, the
//! time and the body.
//!
//! A secret and its successor may both be valid, and a sender may sign with both: any signature by any secret will do.

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::WebhookSecrets;
use crate::error::Error;

/// The sender's id of an event; the same when it is sent again.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");

/// When the request was sent, in seconds since 1970 UTC.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// The signatures, separated by spaces.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How far the time of a request may be from this machine's clock, in seconds either way: that of the reference libraries.
const TOLERANCE_SECONDS: i64 = 300;

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The most signatures that are compared: a sender has one for each of its secrets.
const MAX_SIGNATURES: usize = 10;

/// What a sender says of itself, not yet verified.
#[derive(Debug)]
pub struct Claims {
    /// The id of the event.
    pub id: String,
    timestamp: String,
    // 32 bytes each, unless somebody made them up.
    signatures: Vec<Vec<u8>>,
}

impl Claims {
    /// Reads the headers. `now` is in seconds since 1970 UTC.
    ///
    /// # Errors
    /// 401 for a header that is missing, doubled or none of the kind, and for a time too far from `now`.
    pub fn read(headers: &HeaderMap, now: i64) -> Result<Self, Error> {
        let id = single(headers, &ID)?;
        if !is_id(id) {
            let expected = format!("1 to {MAX_ID_BYTES} letters, digits, and _ - . :");
            return Err(refused("signature_invalid", format!("{ID}: expected {expected}")));
        }
        let timestamp = single(headers, &TIMESTAMP)?;
        // Digits only: a number may be written in other ways, and the text is what is signed.
        let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: Option<i64> = timestamp.parse().ok().filter(|_| is_number);
        let Some(seconds) = seconds else {
            return Err(refused("signature_invalid", format!("{TIMESTAMP}: expected seconds since 1970 UTC")));
        };
        if seconds.abs_diff(now) > TOLERANCE_SECONDS.unsigned_abs() {
            let (away, direction) = (seconds.abs_diff(now), if seconds < now { "ago" } else { "ahead" });
            let detail = format!("{TIMESTAMP}: found {away} s {direction}, expected at most {TOLERANCE_SECONDS} s");
            return Err(refused("timestamp_out_of_tolerance", detail));
        }
        let versions = single(headers, &SIGNATURE)?.split(' ').filter_map(|signature| signature.split_once(','));
        let symmetric = versions.filter(|(version, _)| *version == "v1").take(MAX_SIGNATURES);
        let signatures: Vec<Vec<u8>> = symmetric.filter_map(|(_, base64)| STANDARD.decode(base64).ok()).collect();
        if signatures.is_empty() {
            return Err(refused("signature_invalid", format!("{SIGNATURE}: expected v1, and the signature as base64")));
        }
        Ok(Self { id: id.to_owned(), timestamp: timestamp.to_owned(), signatures })
    }

    /// Verifies that one of the signatures is that of the body by one of the secrets. It takes the same time for every
    /// signature of the right length, and whichever secret it is by.
    ///
    /// # Errors
    /// 401 when none is.
    pub fn verify(&self, body: &[u8], secrets: &WebhookSecrets) -> Result<(), Error> {
        let mut is_signed = false;
        for key in secrets.keys() {
            let code = code(key, &self.id, &self.timestamp, body);
            for signature in &self.signatures {
                // Not `||`, which would stop at the first that matches.
                is_signed |= code.clone().verify_slice(signature).is_ok();
            }
        }
        if is_signed {
            return Ok(());
        }
        let detail =
            "the signature is by none of the secrets in BILLING__WEBHOOK_SECRET, or of another body".to_owned();
        Err(refused("signature_mismatch", detail))
    }
}

/// The value of the header `webhook-signature` for a body, as a sender computes it.
pub fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signature = code(key, id, &timestamp.to_string(), body).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(signature))
}

fn code(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        code.update(part);
    }
    code
}

/// Whether a text can be an id. Without `{`, there is one way to read what is signed: the body is all from the first one on.
fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_part)
}

/// The one value of a header. Of several, the sender and this service could mean different ones.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Error> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            value.to_str().map_err(|_| refused("signature_invalid", format!("{name}: expected ASCII text")))
        }
        (Some(_), Some(_)) => Err(refused("signature_invalid", format!("{name}: found several, expected one"))),
        (None, _) => {
            Err(refused("signature_missing", format!("{name}: found none, expected one as Standard Webhooks say")))
        }
    }
}

fn refused(code: &'static str, detail: String) -> Error {
    Error::SignatureRefused { code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A vector of the reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const VECTOR_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const AT: i64 = 1_614_265_330;
    const VECTOR: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn secrets(text: &str) -> WebhookSecrets {
        WebhookSecrets::parse(text).unwrap()
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let pairs = [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)];
        pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    /// The code of the refusal, or nothing when it is signed.
    fn verified(headers: &HeaderMap, now: i64, body: &[u8], by: &str) -> Result<(), &'static str> {
        let claims = Claims::read(headers, now);
        claims.and_then(|claims| claims.verify(body, &secrets(by))).map_err(|error| error.code())
    }

    #[test]
    fn the_vectors_of_the_reference_are_signed_and_verified() {
        assert_eq!(sign(&secrets(SECRET).keys()[0], VECTOR_ID, AT, BODY), VECTOR);
        let other = secrets("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = sign(&other.keys()[0], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let as_sent = headers(VECTOR_ID, &AT.to_string(), VECTOR);
        assert_eq!(verified(&as_sent, AT, BODY, SECRET), Ok(()));
        assert_eq!(
            verified(&as_sent, AT, BODY, SECRET.trim_start_matches("whsec_")),
            Ok(()),
            "the prefix may be left out"
        );
        assert_eq!(verified(&as_sent, AT, br#"{"test":2432232314}"#, SECRET), Err("signature_mismatch"));
        assert_eq!(verified(&as_sent, AT, BODY, OTHER), Err("signature_mismatch"));
        let of_another = headers("msg_another", &AT.to_string(), VECTOR);
        assert_eq!(verified(&of_another, AT, BODY, SECRET), Err("signature_mismatch"));
        let of_another_time = headers(VECTOR_ID, &(AT + 1).to_string(), VECTOR);
        assert_eq!(verified(&of_another_time, AT, BODY, SECRET), Err("signature_mismatch"));
    }

    #[test]
    fn five_minutes_are_tolerated_either_way_and_no_more() {
        let as_sent = headers(VECTOR_ID, &AT.to_string(), VECTOR);
        for (now, expected) in [
            (AT - 300, Ok(())),
            (AT + 300, Ok(())),
            (AT - 301, Err("timestamp_out_of_tolerance")),
            (AT + 301, Err("timestamp_out_of_tolerance")),
            (i64::MAX, Err("timestamp_out_of_tolerance")),
            (i64::MIN, Err("timestamp_out_of_tolerance")),
        ] {
            assert_eq!(verified(&as_sent, now, BODY, SECRET), expected, "{now}");
        }
    }

    #[test]
    fn any_signature_by_any_secret_will_do() {
        let by_other = sign(&secrets(OTHER).keys()[0], VECTOR_ID, AT, BODY);
        let sent = |signatures: &str| headers(VECTOR_ID, &AT.to_string(), signatures);
        let both = format!("{OTHER},\n{SECRET}");
        for (signatures, by) in [
            (VECTOR.to_owned(), both.as_str()),
            (by_other.clone(), both.as_str()),
            (format!("{by_other} {VECTOR}"), SECRET),
            (format!("{VECTOR} {by_other}"), SECRET),
            (
                format!(
                    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {VECTOR}"
                ),
                SECRET,
            ),
            (format!("v1,AAAA v1, {VECTOR}"), SECRET),
        ] {
            assert_eq!(verified(&sent(&signatures), AT, BODY, by), Ok(()), "{signatures}");
        }
        assert_eq!(verified(&sent(&by_other), AT, BODY, SECRET), Err("signature_mismatch"));
        // A part of the right one, and more than it.
        for part in [
            "v1,",
            "v1,g0hM9SsE",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1A==",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OEA",
        ] {
            assert_eq!(verified(&sent(part), AT, BODY, SECRET), Err("signature_mismatch"), "{part}");
        }
        // Of another version, the same bytes are no signature.
        let of_another_version = VECTOR.replace("v1,", "v2,");
        assert_eq!(verified(&sent(&of_another_version), AT, BODY, SECRET), Err("signature_invalid"));
        let too_many = format!("{} {VECTOR}", ["v1,AAAA"; MAX_SIGNATURES].join(" "));
        assert_eq!(verified(&sent(&too_many), AT, BODY, SECRET), Err("signature_mismatch"));
    }

    #[test]
    fn headers_that_are_missing_doubled_or_odd_are_refused() {
        let whole = headers(VECTOR_ID, &AT.to_string(), VECTOR);
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut without = whole.clone();
            without.remove(&name);
            assert_eq!(verified(&without, AT, BODY, SECRET), Err("signature_missing"), "{name}");
            let mut doubled = whole.clone();
            doubled.append(name.clone(), whole[&name].clone());
            assert_eq!(verified(&doubled, AT, BODY, SECRET), Err("signature_invalid"), "{name}");
        }
        let (long, time) = ("a".repeat(MAX_ID_BYTES + 1), AT.to_string());
        for id in ["", "a b", "a{", "a@b.example", &long] {
            assert_eq!(verified(&headers(id, &time, VECTOR), AT, BODY, SECRET), Err("signature_invalid"), "{id}");
        }
        for time in ["", "+1614265330", "-1", "1614265330.0", "0x1", "99999999999999999999", "now"] {
            let sent = headers(VECTOR_ID, time, VECTOR);
            assert_eq!(verified(&sent, AT, BODY, SECRET), Err("signature_invalid"), "{time}");
        }
        for signature in ["", "v1", "v1,", "v1,?", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            let sent = headers(VECTOR_ID, &time, signature);
            let refused = verified(&sent, AT, BODY, SECRET);
            assert!(matches!(refused, Err("signature_invalid" | "signature_mismatch")), "{signature}: {refused:?}");
        }
    }
}
