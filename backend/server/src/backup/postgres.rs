//! PostgreSQL's own programs: `pg_dump` and `psql`, as they are found on the PATH.

use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, bail, ensure};
use percent_encoding::percent_decode_str;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use url::Url;

use crate::config::Config;

/// How much of the end of a program's standard error is shown.
const STDERR_TAIL_BYTES: usize = 2_000;

/// Why a program cannot be used, if it cannot.
pub fn missing_program(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    (!found).then(|| format!("{name} is not on the PATH: install PostgreSQL's client programs"))
}

/// A command of `name` for the database of `DATABASE__URL`. The password goes by the environment, which others on this
/// machine cannot see.
pub(super) fn command(config: &Config, name: &str) -> anyhow::Result<Command> {
    if let Some(reason) = missing_program(name) {
        bail!(reason);
    }
    let url = config.database.url.expose().parse::<Url>();
    // The cause of a parse error could show the password.
    let mut url = url.map_err(|_| anyhow::anyhow!("DATABASE__URL cannot be parsed"))?;
    let mut command = Command::new(name);
    if let Some(password) = url.password() {
        let password =
            percent_decode_str(password).decode_utf8().context("the password in DATABASE__URL is no text")?;
        command.env("PGPASSWORD", password.as_ref());
    }
    url.set_password(None).map_err(|()| anyhow::anyhow!("DATABASE__URL has no host"))?;
    command.arg("--no-password").arg("--dbname").arg(url.as_str());
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// Runs it to its end.
///
/// # Errors
/// With the end of its standard error, when it does not succeed.
pub(super) async fn run(mut command: Command) -> anyhow::Result<()> {
    let name = name_of(&command);
    let output = command.stderr(Stdio::piped()).output().await.with_context(|| format!("cannot start {name}"))?;
    check_exit(&name, &output)
}

/// Runs it to its end with this input: a text, a file, and another text.
///
/// # Errors
/// With the end of its standard error, when it does not succeed.
pub(super) async fn feed(mut command: Command, before: &str, file: &Path, after: &str) -> anyhow::Result<()> {
    let name = name_of(&command);
    let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let mut input = child.stdin.take().context("a program without input")?;
    let mut file = tokio::fs::File::open(file).await?;
    let fed = async move {
        input.write_all(before.as_bytes()).await?;
        tokio::io::copy(&mut file, &mut input).await?;
        input.write_all(after.as_bytes()).await?;
        input.shutdown().await
    };
    // When a program stops early, its own message explains more than the broken pipe.
    let (fed, output) = tokio::join!(fed, child.wait_with_output());
    check_exit(&name, &output?)?;
    fed.with_context(|| format!("writing the input of {name} failed"))
}

fn name_of(command: &Command) -> String {
    command.as_std().get_program().to_string_lossy().into_owned()
}

fn check_exit(name: &str, output: &Output) -> anyhow::Result<()> {
    let words = String::from_utf8_lossy(&output.stderr);
    let from = words.len().saturating_sub(STDERR_TAIL_BYTES);
    let last = words.char_indices().find(|(at, _)| *at >= from).map_or("", |(at, _)| &words[at..]);
    ensure!(output.status.success(), "{name} failed ({}): {}", output.status, last.trim());
    Ok(())
}
