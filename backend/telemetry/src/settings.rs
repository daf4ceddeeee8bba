//! Settings from environment variables: `SECTION__KEY`, read once into typed structs, checked before anything starts.
//!
//! A section is a struct that derives [`clap::Args`], with one argument per variable whose `id` is the variable's name. Its doc
//! comments, defaults and parsers are then the only description there is; `.env.example` is printed from them.

mod misspelt;
mod parsers;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use axum::http::{HeaderMap, header};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command};
use subtle::ConstantTimeEq;

pub use misspelt::misspelt_sections;
pub use parsers::{
    between, bytes, bytes_between, duration, duration_between, header_token, http_url, name_up_to, secret, switch,
};

/// A longer value in a file is no setting but another file.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Of a longer value only the beginning is shown.
const SHOWN_CHARACTERS: usize = 60;

/// A variable that cannot be used as it is: one line that names it, what was found and what is expected.
///
/// ```
/// use belfry_telemetry::{http::HttpOptions, settings};
///
/// let error = settings::read::<HttpOptions>([("HTTP_METRICS__SIZES".to_owned(), "maybe".to_owned())]).unwrap_err();
/// assert_eq!(error.to_string(), "HTTP_METRICS__SIZES: found `maybe`, expected true or false");
/// ```
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: found {found}, expected {expected}")]
pub struct SettingsError {
    /// The variable's name.
    pub variable: String,
    /// What it holds; never a secret.
    pub found: String,
    /// What it may hold.
    pub expected: String,
}

/// Text that is never shown: a token, a password, a URL with either.
///
/// ```
/// let token = belfry_telemetry::settings::secret("hunter2").unwrap();
/// assert_eq!(format!("{token:?}"), "set");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself; keep it out of logs, errors and labels.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request has this text as its bearer token (RFC 6750, section 2.1); false if nothing was set. It takes the same
    /// time for every token of the right length.
    pub fn is_bearer_token_of(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| bearer_token(value.to_str().ok()?));
        !self.is_empty() && given.is_some_and(|given| given.as_bytes().ct_eq(self.0.as_bytes()).into())
    }
}

/// The token in a header's value. The scheme's name is the same in any case, and spaces follow it (RFC 9110, section 11.4).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start_matches(' '))
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_empty() { "unset" } else { "set" })
    }
}

/// The environment of this process, as far as it concerns `T`: to be given to [`read`].
///
/// Other variables are ignored and need not even be text; one in a section of `T` must be.
///
/// ```
/// use belfry_telemetry::settings;
///
/// #[derive(clap::Args)]
/// struct ShopSettings {
///     /// What prices are in.
///     #[arg(id = "SHOP__CURRENCY", default_value = "EUR")]
///     currency: String,
/// }
///
/// let settings: ShopSettings = settings::read(settings::environment::<ShopSettings>()?)?;
/// assert_eq!(settings.currency, "EUR");
/// assert_eq!(settings::example::<ShopSettings>(), "# --- SHOP ---\n# What prices are in\n#SHOP__CURRENCY=EUR\n");
/// assert_eq!(settings::command::<ShopSettings>().get_arguments().count(), 1);
/// # Ok::<(), settings::SettingsError>(())
/// ```
pub fn environment<T: clap::Args>() -> Result<Vec<(String, String)>, SettingsError> {
    texts_of::<T>(std::env::vars_os())
}

fn texts_of<T: clap::Args>(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, SettingsError> {
    let command = command::<T>();
    let known: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    // A name with bytes that are no text is in no section, or an unknown key of one.
    let named = variables.map(|(variable, value)| (variable.to_string_lossy().into_owned(), value));
    let relevant = named.filter(|(variable, _)| is_in_a_section(variable, &known));
    relevant.map(|(variable, value)| Ok((variable.clone(), text_of(&variable, value)?))).collect()
}

/// The value of one variable as text. It may be a secret, so it is not shown when it is none.
pub(crate) fn text_of(variable: &str, value: OsString) -> Result<String, SettingsError> {
    value.into_string().map_err(|_| SettingsError {
        variable: variable.to_owned(),
        found: "bytes that are not UTF-8".to_owned(),
        expected: "text".to_owned(),
    })
}

/// The error for a part that is switched on in a program that was built without it: ignored, it would be missed late.
#[cfg(not(all(feature = "otlp", feature = "loki", feature = "statsd")))]
pub(crate) fn needs_feature(variable: &str, feature: &str) -> SettingsError {
    SettingsError {
        variable: variable.to_owned(),
        found: "`true`".to_owned(),
        expected: format!("`false`: this program was built without the feature `{feature}` of belfry-telemetry"),
    }
}

fn is_in_a_section(variable: &str, known: &[impl AsRef<str>]) -> bool {
    let section = variable.split_once("__").map(|(section, _)| section);
    section.is_some_and(|section| known.iter().any(|known| known.as_ref().split("__").next() == Some(section)))
}

/// Reads `T` from `variables`, usually the [`environment`] of the process.
///
/// `X_FILE` stands for `X` and names a file that holds its value. An empty value counts as unset. A variable that
/// begins with a section of `T` and is not one of its keys is an error: most often it is misspelt.
pub fn read<T: clap::Args>(variables: impl IntoIterator<Item = (String, String)>) -> Result<T, SettingsError> {
    reader().read(variables)
}

/// What [`read`]s `T` more than once.
pub fn reader<T: clap::Args>() -> Reader<T> {
    let mut command = command::<T>();
    // Otherwise the first reading does, and checks each pair of arguments for conflicts in a debug build.
    command.build();
    let known = command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned)).collect();
    Reader { command, known, settings: PhantomData }
}

/// Reads `T` any number of times, without working out each time which variables there are.
///
/// ```
/// use belfry_telemetry::{http::HttpOptions, settings};
///
/// let mut reader = settings::reader::<HttpOptions>();
/// for (value, valid) in [("true", true), ("maybe", false)] {
///     let set = [("HTTP_METRICS__SIZES".to_owned(), value.to_owned())];
///     assert_eq!(reader.read(set).is_ok(), valid);
/// }
/// ```
pub struct Reader<T> {
    command: Command,
    known: Vec<String>,
    settings: PhantomData<fn() -> T>,
}

impl<T: clap::Args> Reader<T> {
    /// What [`read`] does.
    pub fn read(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<T, SettingsError> {
        let Self { command, known, .. } = self;
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for (variable, value) in variables {
            if !is_in_a_section(&variable, known) || value.is_empty() {
                continue;
            }
            let (key, value) = if let Some(key) = known.iter().find(|known| **known == variable) {
                (key, value)
            } else if let Some(key) = known.iter().find(|known| variable.strip_suffix("_FILE") == Some(known.as_str()))
            {
                (key, read_file(&variable, &value, is_secret(key, command))?)
            } else {
                return Err(misspelt::unknown_key(&variable, command));
            };
            if values.insert(key, value).is_some() {
                return Err(SettingsError {
                    variable: key.to_owned(),
                    found: format!("both {key} and {key}_FILE"),
                    expected: "one of the two".to_owned(),
                });
            }
        }
        let arguments: Vec<String> = values.iter().map(|(key, value)| format!("--{key}={value}")).collect();
        let parsed = command.try_get_matches_from_mut(arguments);
        parsed.and_then(|matches: ArgMatches| T::from_arg_matches(&matches)).map_err(|error| refused(&error, command))
    }
}

/// The variables of `T`, each an argument of this command: for `.env.example` and for tests.
pub fn command<T: clap::Args>() -> Command {
    let command = Command::new("settings").no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    // The variable's name is the argument's id; it serves as its flag too, which only `read` uses.
    T::augment_args(command).mut_args(|argument| {
        let variable = argument.get_id().to_string();
        argument.long(variable)
    })
}

/// `.env.example` as text: every variable of `T` that is not hidden, with its description, its default commented out.
pub fn example<T: clap::Args>() -> String {
    let mut text = String::new();
    let mut section = String::new();
    for argument in command::<T>().get_arguments().filter(|argument| !argument.is_hide_set()) {
        let Some(variable) = argument.get_long() else { continue };
        let this_section = variable.split("__").next().unwrap_or_default();
        if section != this_section {
            section = this_section.to_owned();
            text.push_str(&format!("\n# --- {section} ---\n"));
        }
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let help = help + &range_of(argument).map(|range| format!(" ({range})")).unwrap_or_default();
        for line in help.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy()).unwrap_or_default();
        text.push_str(&format!("#{variable}={default}\n"));
    }
    text.trim_start().to_owned()
}

/// The range that a setting may be in, such as `from 1s to 7d`, as its parser says of a value that it refuses.
fn range_of(argument: &Arg) -> Option<String> {
    let command = Command::new("setting").no_binary_name(true).disable_help_flag(true).arg(argument.clone());
    let error = command.try_get_matches_from([format!("--{}=?", argument.get_long()?)]).err()?;
    let expected = std::error::Error::source(&error)?.to_string();
    let (_, range) = expected.split_once(" from ")?;
    Some(format!("from {range}"))
}

fn read_file(variable: &str, path: &str, holds_secret: bool) -> Result<String, SettingsError> {
    let refused = |cause: String| {
        // Most often the secret itself, if it is no path.
        let found = match holds_secret && !path.starts_with(['/', '.']) {
            true => format!("a path that is not shown ({cause})"),
            false => format!("the path {} ({cause})", shown_value(path)),
        };
        SettingsError { variable: variable.to_owned(), found, expected: "the path of a readable file".to_owned() }
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(refused("more than 64 KiB".to_owned()));
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Whether the value of a setting is never shown. Its default is not, either.
fn is_secret(variable: &str, command: &Command) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|argument| argument.get_long() == Some(variable) && argument.is_hide_default_value_set())
}

/// A value for an error: in backquotes, on one line, cut to 60 characters. Not at all if it may be a URL with a password or a
/// token.
pub fn shown_value(value: &str) -> String {
    if value.contains('@') || (value.contains("://") && value.contains('?')) {
        return "a value that is not shown, because it may hold a password".to_owned();
    }
    let mut text = String::from("`");
    for character in value.chars().take(SHOWN_CHARACTERS) {
        if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
    }
    text.push_str(if value.chars().nth(SHOWN_CHARACTERS).is_some() { "…`" } else { "`" });
    text
}

/// What an error says of this kind, or nothing.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn refused(error: &clap::Error, command: &Command) -> SettingsError {
    let argument = context(error, ContextKind::InvalidArg);
    let variable = argument.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default().to_owned();
    let expected = match (std::error::Error::source(error), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(values))) => values.join(", "),
        _ => error.kind().to_string(),
    };
    let found = match is_secret(&variable, command) {
        true => "a value that is not shown".to_owned(),
        false => shown_value(&context(error, ContextKind::InvalidValue)),
    };
    SettingsError { variable, found, expected }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[derive(clap::Args, Debug, PartialEq)]
    struct Section {
        /// The name over the door.
        #[arg(id = "SHOP__NAME", default_value = "")]
        name: String,
        /// The seats.
        #[arg(id = "SHOP__SEATS", default_value = "4", value_parser = between(1_u32, 9))]
        seats: u32,
        /// Its key.
        #[arg(id = "SHOP__KEY", default_value = "", value_parser = header_token, hide_default_value = true)]
        key: Secret,
    }

    fn refusal(variable: &str, value: &str) -> String {
        read::<Section>([(variable.to_owned(), value.to_owned())]).expect_err("a refusal").to_string()
    }

    fn no_text() -> OsString {
        OsString::from_vec(vec![b'a', 0xff])
    }

    #[test]
    fn a_variable_of_another_program_need_not_be_text() {
        let variables = [OsString::from("LS_COLORS"), OsString::from("OTHER__SETTING"), no_text()];
        let texts = texts_of::<Section>(variables.into_iter().map(|name| (name, no_text())));
        assert_eq!(texts, Ok(Vec::new()));
    }

    #[test]
    fn a_setting_that_is_no_text_is_named() {
        let error = texts_of::<Section>([("SHOP__NAME".into(), no_text())].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "SHOP__NAME: found bytes that are not UTF-8, expected text");
    }

    #[test]
    fn an_error_is_one_short_line_without_secrets() {
        assert_eq!(refusal("SHOP__SEATS", "1\n2"), "SHOP__SEATS: found `1\\n2`, expected a whole number from 1 to 9");
        let long = refusal("SHOP__SEATS", &"9".repeat(100_000));
        assert_eq!(long, format!("SHOP__SEATS: found `{}…`, expected a whole number from 1 to 9", "9".repeat(60)));
        for (variable, value) in [
            ("SHOP__SEATS", "ftp://user:hunter2@host"),
            ("SHOP__SEATS", "http://host/?key=hunter2"),
            ("SHOP__KEY", "hunter2 with spaces"),
            ("SHOP__KEY_FILE", "hunter2"),
        ] {
            let error = refusal(variable, value);
            assert!(error.contains("not shown") && !error.contains("hunter2"), "{error}");
        }
        assert!(refusal("SHOP__KEY_FILE", "/nowhere").contains("the path `/nowhere` ("));
        assert!(refusal("SHOP__NAME_FILE", "/dev/zero").contains("more than 64 KiB"));
    }

    #[test]
    fn the_example_shows_ranges() {
        let text = example::<Section>();
        assert!(text.contains("# The name over the door\n#SHOP__NAME=\n"), "{text}");
        assert!(text.contains("# The seats (from 1 to 9)\n#SHOP__SEATS=4\n"), "{text}");
    }
}
