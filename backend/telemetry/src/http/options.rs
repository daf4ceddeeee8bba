//! What the layer measures: settings, each with a default that suits most services.

use std::borrow::Cow;

use clap::{ArgAction, Args};
use regex::Regex;

use crate::catalogue::{HTTP_REQUEST_DURATION_SECONDS, HTTP_REQUEST_SIZE_BYTES, HTTP_RESPONSE_SIZE_BYTES};
use crate::settings;

/// Options of [`HttpLayer`](super::HttpLayer).
///
/// ```
/// use belfry_telemetry::http::{HttpLayer, HttpOptions};
///
/// let layer = HttpLayer::new(HttpOptions { group_status_codes: true, ..HttpOptions::default() });
/// let router: axum::Router = axum::Router::new().layer(layer);
/// # drop(router);
/// ```
#[derive(Args, Clone, Debug)]
pub struct HttpOptions {
    /// Whether the status label is the class (`2xx`) rather than the exact code (`200`).
    #[arg(id = "HTTP_METRICS__GROUP_STATUS_CODES", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub group_status_codes: bool,
    /// Regular expression; routes whose template it matches are not measured. `/metrics` never is.
    #[arg(id = "HTTP_METRICS__EXCLUDED_ROUTES", value_parser = regex)]
    pub excluded_routes: Option<Regex>,
    /// Whether requests that match no route are left out rather than counted as `unmatched`.
    #[arg(id = "HTTP_METRICS__IGNORE_UNMATCHED", default_value = "false", value_parser = settings::switch, action = ArgAction::Set)]
    pub ignore_unmatched: bool,
    /// Whether requests under way are counted.
    #[arg(id = "HTTP_METRICS__IN_PROGRESS", default_value = "true", value_parser = settings::switch, action = ArgAction::Set)]
    pub in_progress: bool,
    /// Whether requests under way are told apart by method and route, rather than counted in one series without labels.
    #[arg(id = "HTTP_METRICS__IN_PROGRESS_LABELS", default_value = "true", value_parser = settings::switch, action = ArgAction::Set)]
    pub in_progress_labels: bool,
    /// Whether the sizes of requests and responses are measured, of either as far as it went.
    #[arg(id = "HTTP_METRICS__SIZES", default_value = "true", value_parser = settings::switch, action = ArgAction::Set)]
    pub sizes: bool,
    /// Upper bounds of the latency histogram's buckets in seconds, ascending, such as `0.01,0.1,1`; unset: the standard ones.
    #[arg(id = "HTTP_METRICS__LATENCY_BUCKETS", value_parser = buckets)]
    pub latency_buckets: Option<Buckets>,
    /// Upper bounds of the buckets of both sizes in bytes, ascending, such as `1024,1048576`; unset: the standard ones.
    #[arg(id = "HTTP_METRICS__SIZE_BUCKETS", value_parser = buckets)]
    pub size_buckets: Option<Buckets>,
}

/// Masks what of a text, such as a path, must not be seen on spans. Text without any is handed back as it is.
///
/// ```
/// use belfry_telemetry::http::Mask;
/// use std::borrow::Cow;
///
/// const MASK: Mask = |text| match text.split_once("/token/") {
///     Some((before, _)) => Cow::Owned(format!("{before}/token/***")),
///     None => Cow::Borrowed(text),
/// };
/// assert_eq!(MASK("/files/token/abc"), "/files/token/***");
/// assert_eq!(MASK("/files"), "/files");
/// ```
pub type Mask = fn(&str) -> Cow<'_, str>;

/// Ascending upper bounds.
///
/// ```
/// use belfry_telemetry::http::{Buckets, HttpOptions};
///
/// let latency_buckets = Some(Buckets(vec![0.01, 0.1, 1.0]));
/// let options = HttpOptions { latency_buckets, ..HttpOptions::default() };
/// # drop(options);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets(pub Vec<f64>);

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            group_status_codes: false,
            excluded_routes: None,
            ignore_unmatched: false,
            in_progress: true,
            in_progress_labels: true,
            sizes: true,
            latency_buckets: None,
            size_buckets: None,
        }
    }
}

impl HttpOptions {
    /// The histograms whose buckets are set here, by metric name.
    pub(crate) fn buckets(&self) -> Vec<(&'static str, Vec<f64>)> {
        let set = [
            (HTTP_REQUEST_DURATION_SECONDS.row, &self.latency_buckets),
            (HTTP_REQUEST_SIZE_BYTES.row, &self.size_buckets),
            (HTTP_RESPONSE_SIZE_BYTES.row, &self.size_buckets),
        ];
        set.into_iter().filter_map(|(row, buckets)| Some((row.name, buckets.as_ref()?.0.clone()))).collect()
    }
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| "a regular expression such as ^/internal/".to_owned())
}

/// Each is a line of the page for every route.
const MAX_BUCKETS: usize = 64;

fn buckets(text: &str) -> Result<Buckets, String> {
    let expected = || "ascending numbers above zero such as 0.01,0.1,1, 64 at most".to_owned();
    let bounds: Result<Vec<f64>, _> = text.split(',').map(|bound| bound.trim().parse()).collect();
    let bounds = bounds.map_err(|_| expected())?;
    let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds[0] > 0.0;
    if ascending && bounds.len() <= MAX_BUCKETS && bounds.iter().all(|bound| bound.is_finite()) {
        Ok(Buckets(bounds))
    } else {
        Err(expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_ascend_from_above_zero() {
        assert_eq!(buckets("0.01, 0.1,1").unwrap().0, [0.01, 0.1, 1.0]);
        for wrong in ["", "1,1", "2,1", "0,1", "-1,1", "a", "1,inf", "NaN"] {
            assert!(buckets(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_defaults_in_code_are_those_of_the_variables() {
        let read: HttpOptions = settings::read([]).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", HttpOptions::default()));
    }
}
