//! Names that are close to one of ours: nobody else has a variable like it, and ignored, it would be missed late.

use clap::Command;
use clap::error::ContextKind;

use super::{SettingsError, command, context, is_in_a_section};

/// Shorter sections are a letter away from too many words.
const MIN_SECTION_LETTERS: usize = 4;

/// The variables whose section is none of `T`, and that are most likely settings of `T` with a misspelt section: one letter
/// of the section is missing, added, wrong or swapped with the next one, while the key is right; or only letter case differs.
///
/// Only for programs that read all their settings as one `T`: what is close to a section may be another section of
/// theirs. Variables of other programs are not named: the key must be one of that very section, and sections of less than
/// four letters are left out.
pub fn misspelt_sections<T: clap::Args>(variables: impl IntoIterator<Item = String>) -> Vec<SettingsError> {
    let command = command::<T>();
    let known: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let others = variables.into_iter().filter(|variable| !is_in_a_section(variable, &known));
    let found = others.filter_map(|variable| {
        let meant = known.iter().find(|known| is_misspelling(&variable, known))?;
        let expected = format!("{meant} perhaps");
        Some(SettingsError { variable, found: "an unknown section".to_owned(), expected })
    });
    found.collect()
}

fn is_misspelling(variable: &str, known: &str) -> bool {
    let plain = variable.strip_suffix("_FILE").unwrap_or(variable);
    if plain.eq_ignore_ascii_case(known) {
        return true;
    }
    let (Some((section, key)), Some((known_section, known_key))) = (plain.split_once("__"), known.split_once("__"))
    else {
        return false;
    };
    key == known_key && known_section.len() >= MIN_SECTION_LETTERS && strsim::osa_distance(section, known_section) <= 1
}

/// The error for a variable in a section of ours that is none of its keys.
pub(super) fn unknown_key(variable: &str, command: &Command) -> SettingsError {
    let error = command.clone().try_get_matches_from([format!("--{variable}")]).err();
    let nearest = error.as_ref().map(|error| context(error, ContextKind::SuggestedArg)).unwrap_or_default();
    let expected = match nearest.trim_start_matches('-') {
        "" => "a variable of .env.example".to_owned(),
        nearest => format!("{nearest} perhaps"),
    };
    SettingsError { variable: variable.to_owned(), found: "an unknown key".to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Args)]
    struct Sections {
        #[arg(id = "SERVER__PORT")]
        _port: Option<String>,
        #[arg(id = "DATABASE__URL")]
        _url: Option<String>,
        #[arg(id = "AI__ENABLED")]
        _enabled: Option<String>,
    }

    fn named(variable: &str) -> Vec<String> {
        let faults = misspelt_sections::<Sections>([variable.to_owned()]);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_section_one_letter_off_is_named() {
        for variable in
            ["SERVR__PORT", "SERVERS__PORT", "SERVOR__PORT", "SEVRER__PORT", "server__port", "SERVR__PORT_FILE"]
        {
            let expected = format!("{variable}: found an unknown section, expected SERVER__PORT perhaps");
            assert_eq!(named(variable), [expected]);
        }
        assert_eq!(named("DATABSE__URL").len(), 1);
    }

    #[test]
    fn variables_of_other_programs_are_not_named() {
        let others =
            ["FOO__BAR", "SERVICE__PORT", "SERVR__HOST", "SERVER_PORT", "API__ENABLED", "DB__URL", "PATH", "__", ""];
        for variable in others {
            assert_eq!(named(variable), Vec::<String>::new(), "{variable}");
        }
        assert_eq!(named("SERVER__PORT"), Vec::<String>::new(), "that is ours");
    }
}
