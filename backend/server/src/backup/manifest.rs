//! The description of a backup, `manifest.json`: where it comes from, and each of its files with size and SHA-256. It is
//! written last, so a folder that has one is whole.

use std::io::Read;
use std::path::{Component, Path};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::database::Engine;

/// Grows when an older program could not read what is written.
const FORMAT: u32 = 1;

const NAME: &str = "manifest.json";

/// The folder of the store's files within a backup.
pub(super) const FILES: &str = "files";

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From the backup's folder on.
    pub path: String,
    /// In bytes.
    pub size_bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Of the program that wrote it.
    version: String,
    /// The last migration of its database.
    schema: i64,
    engine: String,
    pub(super) created_at: String,
    pub(super) database: Entry,
    pub(super) files: Vec<Entry>,
    /// Keys of files that the database names and that were removed while the backup was taken: their rows are left out
    /// when it is brought back.
    pub(super) removed_meanwhile: Vec<String>,
}

impl Manifest {
    pub(super) fn new(
        engine: Engine,
        schema: i64,
        database: Entry,
        files: Vec<Entry>,
        removed_meanwhile: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema,
            engine: engine.to_string(),
            created_at: jiff::Timestamp::now().to_string(),
            database,
            files,
            removed_meanwhile,
        }
    }

    /// Writes it, durably.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(NAME);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::File::open(&path)?.sync_all()?)
    }

    /// Reads the one of the backup in `folder`.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let text = std::fs::read(&path).with_context(|| format!("{} is no backup: no {NAME}", folder.display()))?;
        let manifest: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))?;
        ensure!(manifest.format == FORMAT, "{}: format {}, expected {FORMAT}", path.display(), manifest.format);
        Ok(manifest)
    }

    /// Whether this program can bring it back to a database of this engine.
    pub(super) fn check_target(&self, engine: Engine, schema: i64) -> anyhow::Result<()> {
        ensure!(
            self.engine == engine.to_string(),
            "the backup is of {}, the target is {}: it can only be brought back to the same engine",
            self.engine,
            engine
        );
        ensure!(self.schema <= schema, "the backup was taken by the newer version {}", self.version);
        Ok(())
    }

    /// Checks the size and checksum of every file. Reads all of them.
    pub(super) fn verify(&self, folder: &Path) -> anyhow::Result<()> {
        for entry in std::iter::once(&self.database).chain(&self.files) {
            let plain = Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_)));
            ensure!(plain, "{NAME} names the path `{}`, which is outside the backup folder", entry.path);
            let found = describe(folder, &entry.path).with_context(|| format!("{} cannot be read", entry.path))?;
            if found != *entry {
                bail!("{} is damaged: it is not what {NAME} says of it", entry.path);
            }
        }
        Ok(())
    }
}

impl Entry {
    /// The key under which the store has this file.
    pub(super) fn key(&self) -> Option<&str> {
        self.path.strip_prefix(FILES)?.strip_prefix('/')
    }
}

/// Size and checksum of a file of a backup.
pub(super) fn describe(folder: &Path, path: &str) -> std::io::Result<Entry> {
    let mut file = std::fs::File::open(folder.join(path))?;
    let (mut digest, mut size_bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Entry { path: path.to_owned(), size_bytes, sha256: hex::encode(digest.finalize()) });
        }
        digest.update(&buffer[..read]);
        size_bytes += read as u64;
    }
}
