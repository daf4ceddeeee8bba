//! What a setting may hold: parsers for the arguments of a section. The error of each is what is expected instead, for the
//! setting's line; a range in it, `from 1s to 7d`, is also shown in `.env.example`.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

use super::Secret;

/// The longest duration that [`duration`] takes. Any can be added to the present time, as instant and as microseconds since 1970.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The largest size that [`bytes`] takes: what a file can have.
const MAX_BYTES: u64 = i64::MAX as u64;

/// The longest [`header_token`]: servers refuse longer headers.
const MAX_TOKEN_BYTES: usize = 4096;

/// Parses a size such as `64MiB`, or plain bytes.
///
/// ```
/// use belfry_telemetry::settings;
///
/// assert_eq!(settings::bytes("64MiB"), Ok(64 << 20));
/// assert!(settings::bytes("many").is_err());
/// ```
pub fn bytes(text: &str) -> Result<u64, String> {
    let size: Option<ByteSize> = text.parse().ok();
    // A larger one than fits is parsed as the largest that does.
    let size = size.map(|size| size.as_u64()).filter(|size| *size <= MAX_BYTES);
    size.ok_or_else(|| "a size such as 64MiB, or a number of bytes".to_owned())
}

/// A parser for sizes from `least` to `most`, which are sizes as text, such as `64KiB`.
///
/// ```
/// let size = belfry_telemetry::settings::bytes_between("1KiB", "1GiB");
/// assert_eq!(size("64MiB"), Ok(64 << 20));
/// assert_eq!(size("2GiB").unwrap_err(), "a size such as 64MiB, from 1KiB to 1GiB");
/// ```
///
/// # Panics
/// When one of the two is no size: they are constants of the program.
pub fn bytes_between(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    let bound = |text| bytes(text).expect("the bounds of a setting are sizes");
    let range = bound(least)..=bound(most);
    move |text| {
        let size = bytes(text).ok().filter(|size| range.contains(size));
        size.ok_or_else(|| format!("a size such as 64MiB, from {least} to {most}"))
    }
}

/// Parses a duration such as `30s`, `10m` or `7d`.
///
/// ```
/// use belfry_telemetry::settings;
/// use std::time::Duration;
///
/// assert_eq!(settings::duration("10m"), Ok(Duration::from_secs(600)));
/// assert!(settings::duration("0s").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).ok();
    let duration = duration.filter(|duration| !duration.is_zero() && *duration <= MAX_DURATION);
    duration.ok_or_else(|| "a duration above zero such as 30s, 10m or 7d".to_owned())
}

/// A parser for durations from `least` to `most`, which are durations as text, such as `0s` and `7d`.
///
/// ```
/// let pause = belfry_telemetry::settings::duration_between("0s", "1h");
/// assert_eq!(pause("0s"), Ok(std::time::Duration::ZERO));
/// assert_eq!(pause("1d").unwrap_err(), "a duration from 0s to 1h");
/// ```
///
/// # Panics
/// When one of the two is no duration, or `most` is more than a hundred years: they are constants of the program.
pub fn duration_between(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    let bound = |text| humantime::parse_duration(text).expect("the bounds of a setting are durations");
    let range = bound(least)..=bound(most);
    assert!(*range.end() <= MAX_DURATION, "{most} is too long to be added to a time");
    move |text| {
        let duration = humantime::parse_duration(text).ok().filter(|duration| range.contains(duration));
        duration.ok_or_else(|| format!("a duration from {least} to {most}"))
    }
}

/// Parses `true` or `false`, also as `1`, `0`, `yes`, `no`, `on`, `off`.
///
/// ```
/// use belfry_telemetry::settings;
///
/// assert_eq!(settings::switch("on"), Ok(true));
/// assert!(settings::switch("perhaps").is_err());
/// ```
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// Parses any text into a [`Secret`].
///
/// ```
/// use belfry_telemetry::settings;
///
/// let token = settings::secret("s3cret").unwrap();
/// assert!(!token.is_empty() && token.expose() == "s3cret");
/// ```
pub fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret(text.to_owned()))
}

/// Parses a secret that goes into a header of HTTP, such as a bearer token.
///
/// ```
/// assert!(belfry_telemetry::settings::header_token("s3cret").is_ok());
/// assert!(belfry_telemetry::settings::header_token("two words").is_err());
/// ```
pub fn header_token(text: &str) -> Result<Secret, String> {
    let usable = text.len() <= MAX_TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable { secret(text) } else { Err("visible ASCII characters without spaces, 4096 at most".to_owned()) }
}

/// A parser for names of at most `most` characters, on one line: they become a label or a header.
///
/// ```
/// let name = belfry_telemetry::settings::name_up_to(8);
/// assert!(name("staging").is_ok() && name("two\nlines").is_err());
/// ```
pub fn name_up_to(most: usize) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| {
        let usable = text.chars().count() <= most && !text.contains(char::is_control);
        if usable { Ok(text.to_owned()) } else { Err(format!("a name of at most {most} characters on one line")) }
    }
}

/// Parses an absolute http or https URL.
///
/// ```
/// use belfry_telemetry::settings;
///
/// assert!(settings::http_url("http://prices:8080").is_ok());
/// assert!(settings::http_url("prices").is_err());
/// ```
pub fn http_url(text: &str) -> Result<url::Url, String> {
    let expected = || "a URL such as http://host:9090".to_owned();
    let url: url::Url = text.parse().map_err(|_| expected())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(expected()) }
}

/// A parser for whole numbers from `least` to `most`.
///
/// ```
/// use belfry_telemetry::settings;
///
/// let port = settings::between(1024_u16, 49_151);
/// assert_eq!(port("8080"), Ok(8080));
/// assert!(port("80").is_err());
/// ```
pub fn between<N>(least: N, most: N) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: std::str::FromStr + PartialOrd + fmt::Display + Copy + Send + Sync + 'static,
{
    move |text| match text.parse::<N>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("a whole number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_that_do_not_fit_are_refused() {
        for text in ["99999999999999999999TiB", "16EiB", "18446744073709551615", "-1", "1.5", "", "many"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(bytes("1.5GiB"), Ok(3 << 29));
        for text in ["99999999999999999999y", "101y", "0s", "-1s", "1", "", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(std::time::Instant::now().checked_add(MAX_DURATION).is_some());
    }

    #[test]
    fn bounds_belong_to_the_range() {
        let parse = duration_between("0s", "1h");
        assert_eq!((parse("0s"), parse("60m")), (Ok(Duration::ZERO), Ok(Duration::from_secs(3600))));
        assert_eq!(parse("1h 1ns").unwrap_err(), "a duration from 0s to 1h");
        let parse = bytes_between("1KiB", "1GiB");
        assert_eq!((parse("1024"), parse("1GiB")), (Ok(1024), Ok(1 << 30)));
        for outside in ["1023", "1025MiB", "99999999999999999999TiB"] {
            assert_eq!(parse(outside).unwrap_err(), "a size such as 64MiB, from 1KiB to 1GiB");
        }
    }

    #[test]
    fn what_goes_into_a_header_has_no_line_ends() {
        assert!(header_token("s3cret~=").is_ok() && name_up_to(3)("añb").is_ok());
        for text in ["two\nlines", "a b", "ü", "\u{0}"] {
            assert!(header_token(text).is_err(), "{text:?}");
        }
        assert!(header_token(&"x".repeat(4097)).is_err());
        assert!(name_up_to(8)("a\nb").is_err() && name_up_to(3)("four").is_err());
    }
}
