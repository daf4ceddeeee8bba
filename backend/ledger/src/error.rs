//! Why the usage in a response cannot be an invoice.

/// Why the usage in a response cannot be an invoice. The call took place and may have been billed: such a call is
/// recorded without tokens and without cost, never with zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The body is not a JSON object.
    #[error("the response is {found}, expected a JSON object")]
    NotAnObject {
        /// What it is.
        found: String,
    },
    /// A field is of another type than it should be, out of bounds, or contradicts another field.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// The field's path in the body, such as `usage.prompt_tokens_details.cached_tokens`.
        field: String,
        /// Its value, shortened.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// The response was billed for something that has no bucket, such as audio or a web search.
    #[error("{field} is {found}, which is billed apart from text, expected none")]
    NotText {
        /// The field's path in the body.
        field: String,
        /// Its value.
        found: String,
    },
}

impl UsageError {
    /// A stable name for the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject { .. } => "usage_not_an_object",
            Self::Field { .. } => "usage_field",
            Self::NotText { .. } => "usage_not_text",
        }
    }

    /// The field that is wrong; none where the body is no object.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::NotAnObject { .. } => None,
            Self::Field { field, .. } | Self::NotText { field, .. } => Some(field),
        }
    }
}
