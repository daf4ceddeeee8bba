//! The dashboards that the pages show: those in the program, or those in a folder that a setting names (`folder.rs`).
//!
//! A file that is not a dashboard is listed as a fault, and the others are shown.

mod folder;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::folder::Folder;
use super::document::{Document, REVALIDATED};
use super::embedded::DASHBOARDS;
use crate::error::{Error, Result};
use crate::request::{Json, shown};

/// The dashboard that is shown first.
const HOME: &str = "backend-overview";

const CONTENT_TYPE: &str = "application/json";

/// Where dashboards come from.
pub(super) enum Dashboards {
    /// The program.
    Embedded,
    /// A folder.
    Folder(Folder),
}

impl Dashboards {
    /// Those of a folder, or of the program.
    pub fn new(folder: Option<&Path>) -> Self {
        folder.map_or(Self::Embedded, |folder| Self::Folder(Folder::new(folder)))
    }

    async fn collection(&self) -> Arc<Collection> {
        static EMBEDDED: LazyLock<Arc<Collection>> = LazyLock::new(|| Arc::new(Collection::embedded()));
        match self {
            Self::Embedded => EMBEDDED.clone(),
            Self::Folder(folder) => folder.collection().await,
        }
    }

    /// The path of the page that is shown first.
    pub async fn home_page(&self) -> String {
        let collection = self.collection().await;
        let home = collection.find(HOME).or(collection.items.first());
        // A uid needs no escaping.
        home.map_or("/dashboards".to_owned(), |home| format!("/dashboards/{}", home.summary.uid))
    }

    /// `GET /api/v1/dashboards`: the dashboards in the order of their titles, and the files that are none.
    pub async fn list(&self) -> Response {
        let collection = self.collection().await;
        let items: Vec<&Summary> = collection.items.iter().map(|item| &item.summary).collect();
        let body = Json(json!({ "items": items, "faults": collection.faults }));
        ([(header::CACHE_CONTROL, REVALIDATED)], body).into_response()
    }

    /// `GET /api/v1/dashboards/{uid}`: a dashboard as it is in its file.
    ///
    /// # Errors
    /// 404.
    pub async fn show(&self, uid: &str, headers: &HeaderMap) -> Result<Response> {
        let collection = self.collection().await;
        let found = collection.find(uid).ok_or(Error::NotFound("dashboard"))?;
        Ok(found.document.respond(headers, REVALIDATED))
    }
}

/// Dashboards that were read at one time.
#[derive(Default)]
pub(in crate::viewer) struct Collection {
    items: Vec<Dashboard>,
    faults: Vec<Fault>,
}

struct Dashboard {
    summary: Summary,
    document: Document,
}

/// What the list says of a dashboard.
#[derive(Serialize)]
struct Summary {
    uid: String,
    title: String,
    description: String,
    tags: Vec<String>,
    home: bool,
}

/// A file that is not shown, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Fault {
    file: String,
    detail: String,
}

/// What is read of a dashboard's JSON, of Grafana's classic schema.
#[derive(Deserialize)]
struct Head {
    uid: Option<String>,
    title: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
}

impl Collection {
    fn embedded() -> Self {
        let mut collection = Self::default();
        for file in DASHBOARDS {
            collection.add(file.name, file.plain, || Document::from_embedded(file, CONTENT_TYPE));
        }
        collection.sort();
        collection
    }

    fn find(&self, uid: &str) -> Option<&Dashboard> {
        self.items.iter().find(|item| item.summary.uid == uid)
    }

    /// Adds the dashboard of a file with this content, or says why it is none.
    fn add(&mut self, file: &str, content: &[u8], document: impl FnOnce() -> Document) {
        let summary = summary(content).and_then(|summary| match self.find(&summary.uid) {
            None => Ok(summary),
            Some(other) => Err(format!("uid: found {:?}, which {:?} has too", summary.uid, other.summary.title)),
        });
        match summary {
            Ok(summary) => self.items.push(Dashboard { summary, document: document() }),
            Err(detail) => self.add_fault(file, detail),
        }
    }

    fn add_fault(&mut self, file: &str, detail: String) {
        self.faults.push(Fault { file: file.to_owned(), detail });
    }

    fn sort(&mut self) {
        self.items.sort_by(|one, other| one.summary.title.cmp(&other.summary.title));
    }
}

/// Whether a dashboard may be called so, as Grafana has it.
pub(super) fn is_uid(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&text.len()) && text.bytes().all(fits)
}

fn summary(content: &[u8]) -> Result<Summary, String> {
    if content.trim_ascii_start().first() != Some(&b'{') {
        return Err("expected a JSON object".to_owned());
    }
    let head: Head = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let uid = head.uid.unwrap_or_default();
    if !is_uid(&uid) {
        return Err(format!("uid: found {}, expected up to 40 letters, digits, - and _", shown(&uid)));
    }
    let title = head.title.filter(|title| !title.is_empty()).ok_or("title: found none")?;
    Ok(Summary {
        home: uid == HOME,
        uid,
        title,
        description: head.description.unwrap_or_default(),
        tags: head.tags.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboards_in_the_program_are_whole_and_one_is_home() {
        let collection = Collection::embedded();
        assert_eq!(collection.faults, []);
        assert!(collection.items.len() >= 2);
        assert_eq!(collection.items.iter().filter(|item| item.summary.home).count(), 1);
    }

    #[test]
    fn a_file_that_is_no_dashboard_says_why() {
        let mut collection = Collection::default();
        let files = [
            ("fine.json", r#"{"uid": "a", "title": "A", "panels": [], "description": null}"#),
            ("again.json", r#"{"uid": "a", "title": "B"}"#),
            ("cut.json", r#"{"uid": "b", "title": "#),
            ("list.json", r#"["b", "B"]"#),
            ("path.json", r#"{"uid": "../b", "title": "B"}"#),
            ("none.json", r#"{"title": "B"}"#),
            ("title.json", r#"{"uid": "b"}"#),
            ("tags.json", r#"{"uid": "b", "title": "B", "tags": 5}"#),
        ];
        for (file, content) in files {
            let document = || Document::from_read(content.into(), CONTENT_TYPE);
            collection.add(file, content.as_bytes(), document);
        }
        assert_eq!(collection.items.len(), 1);
        let expected = [
            ("again.json", "uid: found \"a\", which \"A\" has too"),
            ("cut.json", "EOF while parsing"),
            ("list.json", "expected a JSON object"),
            ("path.json", "uid: found \"../b\", expected"),
            ("none.json", "uid: found \"\", expected"),
            ("title.json", "title: found none"),
            ("tags.json", "invalid type"),
        ];
        assert_eq!(collection.faults.len(), expected.len());
        for (fault, (file, detail)) in collection.faults.iter().zip(expected) {
            assert!(fault.file == file && fault.detail.starts_with(detail), "{fault:?}");
        }
    }
}
