//! Embeds the viewer's built files, the dashboards and the runbook in the program, each also compressed. What it writes is
//! included by `src/viewer/embedded.rs`.
//!
//! The folders are read here because the names of the viewer's files hold hashes of their contents, and change with them.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let project = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let viewer = files(&project.join("viewer/dist"), |_| true)?;
    for page in ["index.html", "dashboard.html"] {
        if !viewer.iter().any(|path| path.ends_with(page)) {
            return Err(format!("viewer/dist has no {page}").into());
        }
    }
    let dashboards = files(&project.join("dashboards"), |name| name.ends_with(".json"))?;
    let runbook = project.join("docs/runbook.md");
    println!("cargo::rerun-if-changed={}", runbook.display());
    let mut code = String::new();
    write_list(&mut code, "VIEWER", "The built files of the viewer, by name.", &viewer, &out)?;
    write_list(&mut code, "DASHBOARDS", "The dashboards, by the name of their file.", &dashboards, &out)?;
    write_list(&mut code, "RUNBOOK", "The runbook, alone.", &[runbook], &out)?;
    fs::write(out.join("embedded.rs"), code)?;
    Ok(())
}

/// The files of a folder in the order of their names. Cargo runs this script again when one changes, comes or goes.
fn files(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "a file's name is not UTF-8")?;
        if !entry.file_type()?.is_file() {
            return Err(format!("{}: expected files alone, found {name}", folder.display()).into());
        }
        if is_wanted(&name) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Writes the code of one list of files, and their compressed forms as files beside it.
fn write_list(code: &mut String, list: &str, about: &str, files: &[PathBuf], out: &Path) -> Result<()> {
    writeln!(code, "/// {about}\npub(super) static {list}: &[EmbeddedFile] = &[")?;
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file has no name")?;
        let plain = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let gzip = out.join(format!("{name}.gz"));
        fs::write(&gzip, compressed(&plain)?)?;
        writeln!(code, "    EmbeddedFile {{\n        name: {name:?},\n        plain: include_bytes!({path:?}),")?;
        writeln!(code, "        gzip: include_bytes!({gzip:?}),")?;
        writeln!(code, "    }},")?;
    }
    writeln!(code, "];")?;
    Ok(())
}

fn compressed(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}
