//! What went wrong, as text for a log line: an error with its causes, a panic's message.

use std::any::Any;
use std::error::Error;

/// An error and its causes on one line, each after a colon.
///
/// ```
/// use belfry_telemetry::error_text::chain;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the price list cannot be read")]
/// struct ImportError(#[source] std::num::ParseIntError);
///
/// let error = ImportError("ten".parse::<u32>().unwrap_err());
/// assert_eq!(chain(&error), "the price list cannot be read: invalid digit found in string");
/// ```
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The text of a panic, from what it was caught with.
///
/// ```
/// use belfry_telemetry::error_text::panic_message;
///
/// let panic = std::panic::catch_unwind(|| panic!("no price for {}", "tea")).unwrap_err();
/// assert_eq!(panic_message(&*panic), "no price for tea");
/// ```
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0} is not to be had")]
    struct Failed(&'static str, #[source] Option<Box<Failed>>);

    #[test]
    fn a_chain_has_each_cause_once_and_in_order() {
        let failed = Failed("bread", Some(Box::new(Failed("flour", Some(Box::new(Failed("grain", None)))))));
        assert_eq!(chain(&failed), "bread is not to be had: flour is not to be had: grain is not to be had");
        assert_eq!(chain(&Failed("salt", None)), "salt is not to be had");
    }

    #[test]
    fn a_panic_has_its_message_whatever_it_was_raised_with() {
        let number = 7;
        let formatted = catch_unwind(|| std::panic::panic_any(format!("number {number}"))).unwrap_err();
        assert_eq!(panic_message(&*formatted), "number 7");
        assert_eq!(panic_message(&*catch_unwind(|| std::panic::panic_any("a text")).unwrap_err()), "a text");
        assert_eq!(panic_message(&*catch_unwind(|| std::panic::panic_any(7)).unwrap_err()), "no message");
    }
}
