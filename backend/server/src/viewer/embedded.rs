//! What `build.rs` embeds: the viewer's built files, the dashboards and the runbook, each also compressed.

/// A file in the program.
pub(super) struct EmbeddedFile {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its content.
    pub plain: &'static [u8],
    /// The same, compressed with gzip.
    pub gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
