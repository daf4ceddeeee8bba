//! What each route asks for. The table itself is in `router/access.rs`.

use std::collections::HashMap;

use axum::http::Method;

use super::scope::Scope;
use crate::routes::Listed;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the server: nothing is in the response that is not public, or the handler asks for a token or a signature
    /// of its own.
    Open,
    /// Who has a key with this scope.
    Scope(Scope),
    /// The same with the scope `read`; a browser may send the key as the password of HTTP Basic, for which it asks a person.
    Browser,
}

impl Access {
    /// The scope that a key needs.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::Open => None,
            Self::Scope(scope) => Some(scope),
            Self::Browser => Some(Scope::Read),
        }
    }
}

/// What a route asks for, and whether its use is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteAccess {
    /// Who may use it.
    pub access: Access,
    /// Whether the audit log says who did.
    pub is_audited: bool,
}

/// What every route asks for.
#[derive(Default)]
pub struct AccessTable(HashMap<&'static str, Vec<(Method, RouteAccess)>>);

impl AccessTable {
    /// A method that a path has no route for, and a path that is not in the table: fails closed.
    const UNLISTED: RouteAccess = RouteAccess { access: Access::Scope(Scope::Admin), is_audited: false };

    /// What the route of a request asks for.
    pub fn of(&self, method: &Method, path: &str) -> RouteAccess {
        // `HEAD` is answered by the handler of `GET`.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let methods = self.0.get(path).into_iter().flatten();
        methods.into_iter().find(|(listed, _)| listed == method).map_or(Self::UNLISTED, |(_, access)| *access)
    }
}

impl FromIterator<(Listed, RouteAccess)> for AccessTable {
    fn from_iter<I: IntoIterator<Item = (Listed, RouteAccess)>>(routes: I) -> Self {
        let mut table = Self::default();
        for (Listed { method, path }, access) in routes {
            table.0.entry(path).or_default().push((method, access));
        }
        table
    }
}
