//! An HTTP status as a label: what a row names for it, and what a caller may pass.

use std::marker::PhantomData;

use axum::http::StatusCode;
use strum::VariantNames;

use super::label::{LabelKind, ListedKind, ValueOf};
use super::row::{OTHER, Values};

/// A label for an HTTP status, or for a word of the enum `Words` where there is no status.
///
/// ```
/// use axum::http::StatusCode;
/// use belfry_telemetry::{catalogue, metric::Status};
/// use strum::{IntoStaticStr, VariantNames};
///
/// /// Why a parcel service gave no answer.
/// #[derive(Clone, Copy, IntoStaticStr, VariantNames)]
/// #[strum(serialize_all = "snake_case")]
/// pub enum NoAnswer {
///     TimedOut,
/// }
///
/// catalogue! {
///     /// Pages served.
///     counter PAGES_TOTAL = "shop_pages_total" { status: Status };
///     /// Calls to the parcel service.
///     counter PARCEL_CALLS_TOTAL = "shop_parcel_calls_total" { status: Status<NoAnswer> };
/// }
/// PAGES_TOTAL.with(StatusCode::NOT_FOUND).increment(1);
/// PARCEL_CALLS_TOTAL.with(Ok(StatusCode::OK.into())).increment(1);
/// PARCEL_CALLS_TOTAL.with(Err(NoAnswer::TimedOut)).increment(1);
/// ```
pub struct Status<Words = NoWords>(PhantomData<Words>);

/// For a [`Status`] that is always an HTTP status.
pub enum NoWords {}

impl VariantNames for NoWords {
    const VARIANTS: &'static [&'static str] = &[];
}

/// An HTTP status as a label value.
///
/// ```
/// use axum::http::StatusCode;
/// use belfry_telemetry::metric::HttpStatus;
///
/// assert_eq!(HttpStatus::from(404).as_str(), "404");
/// assert_eq!(HttpStatus::Class(StatusCode::NOT_FOUND).as_str(), "4xx");
/// assert_eq!(HttpStatus::from(7).as_str(), "other");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpStatus {
    /// The exact code: `404`.
    Code(StatusCode),
    /// The class of the code: `4xx`.
    Class(StatusCode),
    /// A number that is no status (RFC 9110, section 15): `other`.
    Invalid,
}

impl HttpStatus {
    /// The label's value.
    pub fn as_str(&self) -> &str {
        const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];
        match self {
            Self::Code(code) => code.as_str(),
            // A `StatusCode` is a number from 100 to 999.
            Self::Class(code) => CLASSES[usize::from(code.as_u16() / 100 - 1)],
            Self::Invalid => OTHER,
        }
    }
}

impl From<StatusCode> for HttpStatus {
    fn from(code: StatusCode) -> Self {
        Self::Code(code)
    }
}

impl From<u16> for HttpStatus {
    fn from(code: u16) -> Self {
        StatusCode::from_u16(code).map_or(Self::Invalid, Self::Code)
    }
}

impl<Words: VariantNames> LabelKind for Status<Words> {}

impl<Words: VariantNames> ListedKind for Status<Words> {
    const VALUES: Values = Values::Status(Words::VARIANTS);
}

impl<Words> ValueOf<Status<Words>> for StatusCode {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl<Words> ValueOf<Status<Words>> for HttpStatus {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl<Words: Copy + Into<&'static str>> ValueOf<Status<Words>> for Result<HttpStatus, Words> {
    fn text(&self) -> &str {
        match self {
            Ok(status) => status.as_str(),
            Err(word) => (*word).into(),
        }
    }
}
