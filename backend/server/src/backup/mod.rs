//! Saving the state, and bringing it back.
//!
//! `save.rs` writes the database to a file, for the scheduled job and for `belfry backup`, which `copy.rs` does: database
//! and files in one folder, described by its `manifest.rs`. `restore.rs` brings such a folder back. `postgres.rs` runs
//! PostgreSQL's own programs.

mod copy;
mod manifest;
mod postgres;
mod restore;
mod save;

use std::path::{Path, PathBuf};

use crate::config::Config;

pub use copy::back_up;
pub use postgres::missing_program;
pub use restore::{remove_cut_off, restore};
pub use save::{checksum_of, is_left_over, is_saved_database, save_database};

/// Where the scheduled job puts the database.
pub fn folder(config: &Config) -> PathBuf {
    config.data.dir.join("backups")
}

/// Makes what was renamed or made in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
