//! Parsers of values, for `value_parser` of an argument: each refuses with what it expects.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

use super::Secret;

/// Parses a size such as `64MiB`, or plain bytes.
///
/// ```
/// use belfry_telemetry::settings;
///
/// assert_eq!(settings::bytes("64MiB"), Ok(64 << 20));
/// assert!(settings::bytes("many").is_err());
/// ```
pub fn bytes(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.parse().map_err(|_| "a size such as 64MiB, or a number of bytes".to_owned())?;
    Ok(size.as_u64())
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
    let expected = || "a duration above zero such as 30s, 10m or 7d".to_owned();
    let duration = humantime::parse_duration(text).map_err(|_| expected())?;
    if duration.is_zero() { Err(expected()) } else { Ok(duration) }
}

/// Parses a duration that may be nothing, such as `0s`.
///
/// ```
/// use belfry_telemetry::settings;
/// use std::time::Duration;
///
/// assert_eq!(settings::duration_or_none("0s"), Ok(Duration::ZERO));
/// ```
pub fn duration_or_none(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "a duration such as 0s, 5s or 10m".to_owned())
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
