//! The viewer's page and the files that it loads.
//!
//! Which page it shows, an HTML file reads from its path; there is another one for dashboards, which has the browser fetch their code at
//! once. The names of the other files hold hashes of their contents, so browsers keep those for good.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Redirect, Response};

use super::dashboards::is_uid;
use super::document::{Document, IMMUTABLE, REVALIDATED};
use super::embedded::{RUNBOOK, VIEWER};
use crate::error::{Error, Result};

/// The page runs its own scripts and asks its own server, and nothing else; no page may hold it in a frame. All other
/// responses have the stricter policy of the listener.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The file of all pages but dashboards.
const SHELL: &str = "index.html";

/// The file of a dashboard's page.
const DASHBOARD_SHELL: &str = "dashboard.html";

static FILES: LazyLock<BTreeMap<&str, Document>> = LazyLock::new(|| {
    let files = VIEWER.iter().chain(RUNBOOK);
    files.map(|file| (file.name, Document::from_embedded(file, content_type(file.name)))).collect()
});

/// `GET /dashboards`, `/targets`, `/rules`, `/alerts`, `/runbook`: the page.
pub(super) async fn shell(headers: HeaderMap) -> Response {
    page(SHELL, &headers)
}

/// `GET /dashboards/{uid}`: the page.
pub(super) async fn dashboard_shell(headers: HeaderMap) -> Response {
    page(DASHBOARD_SHELL, &headers)
}

fn page(file: &str, headers: &HeaderMap) -> Response {
    let mut response = FILES[file].respond(headers, REVALIDATED);
    // Of a 304 as well: a browser may take over what its headers say.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// `GET /d/{uid}` and `/d/{uid}/{slug}`, Grafana's addresses of a dashboard, which links in dashboards and alerts have: leads to the
/// viewer's own.
///
/// # Errors
/// 404 for what no dashboard can be called.
pub(super) async fn at_grafanas_address(Path(parts): Path<Vec<String>>, RawQuery(query): RawQuery) -> Result<Redirect> {
    let uid = parts.first().filter(|uid| is_uid(uid)).ok_or(Error::NotFound("dashboard"))?;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Redirect::to(&format!("/dashboards/{uid}{query}")))
}

/// `GET /viewer/{name}`: a file that the page loads, or `runbook.md`, as it was when the program was built.
///
/// # Errors
/// 404.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response> {
    let document = FILES
        .get(name.as_str())
        .filter(|_| ![SHELL, DASHBOARD_SHELL].contains(&name.as_str()))
        .ok_or(Error::NotFound("file"))?;
    Ok(document.respond(&headers, if has_hash(&name) { IMMUTABLE } else { REVALIDATED }))
}

/// Whether a name ends in a hash, as in `main-4FJ2K7QX.js`.
fn has_hash(name: &str) -> bool {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let hash = stem.rsplit_once('-').map_or("", |(_, hash)| hash);
    hash.len() >= 8 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_good() {
        for name in ["main-4FJ2K7QX.js", "a-b-0123456789abcdef.css", "icon-4FJ2K7QX.svg"] {
            assert!(has_hash(name), "{name}");
        }
        for name in ["index.html", "THIRD-PARTY.txt", "main.js", "main-4FJ2.js", "main-4FJ2K7Q_.js"] {
            assert!(!has_hash(name), "{name}");
        }
    }

    #[test]
    fn every_file_of_the_viewer_has_a_media_type() {
        assert!(FILES.contains_key(SHELL) && FILES.contains_key(DASHBOARD_SHELL));
        for name in FILES.keys() {
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
        }
    }
}
