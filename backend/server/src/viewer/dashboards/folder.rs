//! Dashboards in a folder, read again when somebody asks for them a while later, so that an edit shows without a restart.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{CONTENT_TYPE, Collection, Fault};
use crate::viewer::document::Document;

/// For how long what was read is given again.
const FRESH: Duration = Duration::from_secs(2);

/// The most files that are read, the largest of one, and of all together.
const MAX_FILES: usize = 200;
const MAX_FILE_BYTES: u64 = 4 << 20;
const MAX_BYTES: u64 = 32 << 20;

/// A folder, and what was last read of it.
pub(in crate::viewer) struct Folder {
    path: PathBuf,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    read: Option<(Instant, Arc<Collection>)>,
    /// What was logged of it.
    faults: Vec<Fault>,
}

impl Folder {
    /// A folder, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), last: Mutex::default() }
    }

    /// What is in it. All who ask meanwhile wait for one reading.
    pub async fn collection(&self) -> Arc<Collection> {
        let mut last = self.last.lock().await;
        if let Some((read, collection)) = &last.read
            && read.elapsed() < FRESH
        {
            return collection.clone();
        }
        let path = self.path.clone();
        let collection = tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or_default();
        for Fault { file, detail } in &collection.faults {
            if !last.faults.iter().any(|known| known.file == *file && known.detail == *detail) {
                tracing::warn!(file, detail, "a file in VIEWER__DASHBOARDS_DIR is no dashboard");
            }
        }
        last.faults.clone_from(&collection.faults);
        let collection = Arc::new(collection);
        last.read = Some((Instant::now(), collection.clone()));
        collection
    }
}

fn read(folder: &Path) -> Collection {
    let mut collection = Collection::default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            collection.add_fault("", format!("the folder cannot be read: {error}"));
            return collection;
        }
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    let mut room = MAX_BYTES;
    for (index, name) in names.iter().enumerate() {
        if index >= MAX_FILES {
            collection.add_fault(name, format!("the folder has more than {MAX_FILES} dashboards"));
            break;
        }
        match read_file(&folder.join(name), room.min(MAX_FILE_BYTES)) {
            Ok(content) => {
                room -= content.len() as u64;
                collection.add(name, &content, || Document::from_read(content.clone(), CONTENT_TYPE));
            }
            Err(detail) => collection.add_fault(name, detail),
        }
    }
    collection.sort();
    collection
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // A pipe would be waited for.
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut content = Vec::new();
    File::open(path).map_err(cannot)?.take(limit + 1).read_to_end(&mut content).map_err(cannot)?;
    if content.len() as u64 > limit {
        return Err(format!(
            "is too large: expected at most {MAX_FILE_BYTES} bytes, and {MAX_BYTES} of all files together"
        ));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_file_leaves_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
        write("b.json", br#"{"uid": "b", "title": "B"}"#);
        write("a.json", br#"{"uid": "a", "title": "A"}"#);
        write("cut.json", b"{");
        write("notes.yml", b"no dashboard");
        write("large.json", &vec![b' '; MAX_FILE_BYTES as usize + 1]);
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let collection = read(folder.path());
        let uids: Vec<&str> = collection.items.iter().map(|item| item.summary.uid.as_str()).collect();
        assert_eq!(uids, ["a", "b"]);
        let faults: Vec<&str> = collection.faults.iter().map(|fault| fault.file.as_str()).collect();
        assert_eq!(faults, ["cut.json", "folder.json", "large.json"]);
    }

    #[test]
    fn a_folder_that_is_missing_is_a_fault() {
        let collection = read(Path::new("/nowhere/at/all"));
        assert!(collection.items.is_empty());
        assert!(collection.faults[0].detail.starts_with("the folder cannot be read"), "{:?}", collection.faults);
    }

    #[test]
    fn too_many_files_are_cut_off_and_told() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..=MAX_FILES {
            let content = format!(r#"{{"uid": "u{index}", "title": "T"}}"#);
            fs::write(folder.path().join(format!("{index:04}.json")), content).unwrap();
        }
        let collection = read(folder.path());
        assert_eq!((collection.items.len(), collection.faults.len()), (MAX_FILES, 1));
    }
}
