//! What a key allows.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr, VariantNames};

/// A kind of request. None includes another: a key has each one that it needs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumIter, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// What changes nothing.
    Read,
    /// What changes data: uploads, runs.
    Write,
    /// Users, keys, the audit log, and running jobs.
    Admin,
}

impl Scope {
    /// The name in keys, errors and documentation.
    pub fn name(self) -> &'static str {
        self.into()
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All there are.
    pub fn all() -> Self {
        Scope::iter().collect()
    }

    /// Whether this one is among them.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::iter().filter(move |scope| self.contains(*scope))
    }

    /// From their text in the database. A word that is no scope allows nothing.
    pub fn from_text(text: &str) -> Self {
        text.split(',').filter_map(|word| word.parse::<Scope>().ok()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// As the database has them: `read,write`.
impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::name).collect();
        formatter.write_str(&names.join(","))
    }
}

impl Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_the_same_after_the_database() {
        for bits in 0..8 {
            let scopes = Scopes(bits);
            assert_eq!(Scopes::from_text(&scopes.to_string()), scopes);
        }
        assert_eq!(Scopes::all().to_string(), "read,write,admin");
        assert_eq!(Scopes::from_text("read,root"), [Scope::Read].into_iter().collect());
        assert!(Scopes::from_text("").is_empty());
    }

    #[test]
    fn no_scope_includes_another() {
        for scope in Scope::iter() {
            let only: Scopes = [scope].into_iter().collect();
            assert!(Scope::iter().all(|other| only.contains(other) == (other == scope)));
        }
    }
}
