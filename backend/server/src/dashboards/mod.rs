//! `belfry dashboards`: takes a dashboard as edited in Grafana back into the repository's files, and writes the table of all
//! panels. Needs no server and no settings.

mod changes;
mod classic;
mod defaults;
mod markdown;
mod text;
mod v2;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;

/// What can be done with dashboards.
#[derive(Subcommand)]
pub enum DashboardsCommand {
    /// Take a dashboard exported from Grafana into the repository's form; say what changed and what could not be carried over.
    Pull {
        /// The export, a file of JSON (classic or V2), or `-` for standard input.
        file: PathBuf,
        /// The folder of the dashboards.
        #[arg(long, default_value = "dashboards")]
        dashboards: PathBuf,
        /// Under this uid instead of the export's, as for a copy that was saved under another name.
        #[arg(long)]
        uid: Option<String>,
        /// Write to this file instead of the folder's UID.json; `-` is standard output.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Print the table of every panel of every dashboard: the text of docs/dashboards.md.
    Markdown {
        /// The folder of the dashboards.
        #[arg(long, default_value = "dashboards")]
        dashboards: PathBuf,
    },
}

/// The longest uid that Grafana takes.
const UID_LENGTH: usize = 40;

/// A dashboard in the repository's form, and what of an export is not in it.
struct Taken {
    dashboard: Value,
    lost: Vec<String>,
}

/// Runs the command; an error is one line that says what was found and what is expected.
pub fn run(command: DashboardsCommand) -> anyhow::Result<()> {
    match command {
        DashboardsCommand::Pull { file, dashboards, uid, output } => pull(&file, &dashboards, uid, output),
        DashboardsCommand::Markdown { dashboards } => {
            std::io::stdout().write_all(markdown::page(&read_folder(&dashboards)?).as_bytes())?;
            Ok(())
        }
    }
}

fn pull(file: &Path, folder: &Path, uid: Option<String>, output: Option<PathBuf>) -> anyhow::Result<()> {
    let export = read_export(file)?;
    let uid = checked_uid(uid.or_else(|| uid_of(&export)))?;
    let known = folder.join(format!("{uid}.json"));
    let before = if known.exists() { Some(read_json(&known)?) } else { None };
    let taken = take(export, &uid, before.as_ref())?;
    let written = text::write(&taken.dashboard);
    let target = output.unwrap_or(known);
    if target == Path::new("-") {
        std::io::stdout().write_all(written.as_bytes())?;
    } else {
        std::fs::write(&target, written).with_context(|| format!("cannot write {}", target.display()))?;
    }
    // Standard output may hold the dashboard.
    eprintln!("{}: {}", target.display(), changes::summary(before.as_ref(), &taken.dashboard));
    for change in changes::list(before.as_ref(), &taken.dashboard) {
        eprintln!("  {change}");
    }
    for lost in taken.lost {
        eprintln!("  not carried over: {lost}");
    }
    Ok(())
}

/// The repository's form of an export. What the export cannot have, such as the ids of V2's rows, is taken from the file that
/// there is.
fn take(export: Value, uid: &str, before: Option<&Value>) -> anyhow::Result<Taken> {
    let mut lost = Vec::new();
    let classic = match v2::spec(&export) {
        Some(spec) => v2::to_classic(spec, before, &mut lost)?,
        None => classic::unwrapped(export)?,
    };
    let dashboard = classic::stable(classic, uid, before, &mut lost)?;
    Ok(Taken { dashboard, lost })
}

fn uid_of(export: &Value) -> Option<String> {
    let places = ["/uid", "/dashboard/uid", "/metadata/name", "/spec/uid"];
    places.iter().find_map(|place| export.pointer(place)?.as_str()).filter(|uid| !uid.is_empty()).map(str::to_owned)
}

/// A uid that can be the name of a file.
fn checked_uid(uid: Option<String>) -> anyhow::Result<String> {
    let Some(uid) = uid else { bail!("the export has no uid: say under which it belongs with --uid") };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if uid.is_empty() || uid.len() > UID_LENGTH || !uid.chars().all(is_plain) {
        bail!("found the uid {uid:?}, expected at most {UID_LENGTH} letters, digits, `-` and `_`");
    }
    Ok(uid)
}

fn read_export(file: &Path) -> anyhow::Result<Value> {
    if file != Path::new("-") {
        return read_json(file);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    serde_json::from_str(&text).context("standard input is not JSON")
}

fn read_json(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// The dashboards of a folder, in the order of their names.
fn read_folder(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    if files.is_empty() {
        bail!("found no file of JSON in {}, expected dashboards", folder.display());
    }
    files.iter().map(|file| read_json(file)).collect()
}

/// A field's text, or the empty one.
fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// A field's list, or the empty one.
fn list_of<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// How messages name a panel.
fn name_of(panel: &Value) -> String {
    format!("panel {} {:?}", panel["id"], text_of(panel, "title"))
}

#[cfg(test)]
mod tests;
