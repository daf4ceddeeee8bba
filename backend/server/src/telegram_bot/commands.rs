//! The commands and their answers.

use std::fmt::Write;
use std::time::Duration;

use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

use super::update::Request;
use super::{Bot, silence};
use crate::database::bounds::with_request_timeout;
use crate::error::{Result, chain};
use crate::labels::UpdateOutcome;
use crate::telegram::{Message, escape};
use crate::timestamp::now_micros;
use crate::training::{self, RunFilter};

/// The most runs in an answer.
const MAX_RUNS: i64 = 10;

/// The most alerts in an answer.
const MAX_ALERTS: i64 = 20;

/// A command.
#[derive(Clone, Copy, Debug, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum Command {
    Status,
    Jobs,
    Runs,
    Alerts,
    Silence,
    Help,
}

impl Command {
    /// What stands behind it, and what it does.
    const fn description(self) -> (&'static str, &'static str) {
        match self {
            Self::Status => ("", "health, uptime, and what waits"),
            Self::Jobs => ("", "scheduled jobs: their last run and the next"),
            Self::Runs => ("", "the latest training runs"),
            Self::Alerts => ("", "open alerts"),
            Self::Silence => (" NAME DURATION", "silences the alerts of a name, such as /silence BackendDown 2h"),
            Self::Help => ("", "this list"),
        }
    }
}

impl Bot {
    /// The answer to a command.
    pub(super) async fn answer_request(&self, request: &Request<'_>) -> (UpdateOutcome, Message) {
        // Telegram sends /start when a person first writes to a bot.
        let name = if request.command == "start" { "help" } else { request.command.as_str() };
        let Ok(command) = name.parse::<Command>() else {
            let unknown = format!("There is no /{name}. The commands are:\n{}", help());
            return (UpdateOutcome::UnknownCommand, Message::Plain(unknown));
        };
        let answer = match command {
            Command::Help => return (UpdateOutcome::Answered, Message::Plain(help())),
            Command::Silence => {
                return (UpdateOutcome::Answered, Message::Plain(silence::silence(self, request).await));
            }
            Command::Status => with_request_timeout(self.status()).await,
            Command::Jobs => with_request_timeout(self.jobs()).await,
            Command::Runs => with_request_timeout(self.runs()).await,
            Command::Alerts => with_request_timeout(self.alerts()).await,
        };
        let message = answer.map(Message::Html).unwrap_or_else(|error| {
            tracing::warn!(command = name, cause = chain(&error), "a telegram command was not answered");
            Message::Plain(format!("/{name} failed: {error}"))
        });
        (UpdateOutcome::Answered, message)
    }

    async fn status(&self) -> Result<String> {
        let (report, config) = (self.app.checks.report().await, &self.app.config);
        let (health, failing): (&str, _) = (report.status.into(), report.failing());
        let uptime = humantime::format_duration(Duration::from_secs(self.app.started.elapsed().as_secs()));
        let (version, environment) = (env!("CARGO_PKG_VERSION"), escape(&config.app.environment));
        let mut text = format!("<b>Belfry {version}</b>, {environment}, {}\n", escape(&config.instance()));
        let _ = writeln!(text, "health: <b>{health}</b>");
        if !failing.is_empty() {
            let _ = writeln!(text, "{}", escape(&failing));
        }
        let _ = writeln!(text, "up for {uptime}");
        // What is known without the database is told in any case.
        if report.is_serving() {
            let runs = training::unfinished_runs(&self.app.database).await?;
            let _ = writeln!(text, "training runs: {} queued, {} running", runs.queued, runs.running);
            let _ = writeln!(text, "open alerts: {}", self.open_alerts().await?);
        }
        Ok(text)
    }

    async fn jobs(&self) -> Result<String> {
        let now = now_micros();
        let mut text = "<b>Jobs</b>\n".to_owned();
        for job in self.app.scheduler.overview().await? {
            let _ = write!(text, "<b>{}</b>: ", job.job_name);
            let _ = match job.latest {
                Some((started_at, status)) => write!(text, "{} {} ago", escape(&status), in_words(now - started_at)),
                None => write!(text, "has not run yet"),
            };
            let _ = match (job.disabled_reason, job.next_due_at) {
                (Some(reason), _) => writeln!(text, "; disabled: {}", escape(&reason)),
                (None, Some(due)) => writeln!(text, "; next in {}", in_words(due - now)),
                (None, None) => writeln!(text),
            };
        }
        Ok(text)
    }

    async fn runs(&self) -> Result<String> {
        let all = RunFilter { status: None, dataset_id: None, cursor: None, limit: None };
        let runs = training::list_runs(&self.app.database, &all, MAX_RUNS).await?;
        if runs.is_empty() {
            return Ok("There are no training runs.".to_owned());
        }
        let mut text = "<b>Latest training runs</b>\n".to_owned();
        for run in runs {
            let (status, algorithm) = (run.status.name(), run.spec.algorithm.name());
            let _ = write!(text, "<code>{}</code>\n  {algorithm}: <b>{status}</b>", escape(&run.id));
            if let Some(progress) = run.progress.filter(|_| !run.status.has_ended()) {
                let _ = write!(text, ", step {} of {}", progress.iteration, progress.total);
            }
            if let Some(error) = run.error {
                let _ = write!(text, ", {}", escape(&error.code));
            }
            let _ = writeln!(text, ", queued at {}", escape(&run.created_at));
        }
        Ok(text)
    }

    async fn alerts(&self) -> Result<String> {
        let query =
            "SELECT name, severity, summary, raised_at FROM alerts WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1";
        let query = sqlx::query_as::<_, (String, String, String, i64)>(query).bind(MAX_ALERTS);
        let open = query.fetch_all(&self.app.database.pool).await?;
        if open.is_empty() {
            return Ok("No alert is open.".to_owned());
        }
        let total = self.open_alerts().await?;
        let mut text = format!("<b>Open alerts: {total}</b>\n");
        for (name, severity, summary, raised_at) in &open {
            let since = in_words(now_micros() - raised_at);
            let (name, severity, summary) = (escape(name), escape(severity), escape(summary));
            let _ = writeln!(text, "<b>{name}</b> ({severity}), for {since}: {summary}");
        }
        let left_out = total - i64::try_from(open.len()).unwrap_or(0);
        if left_out > 0 {
            let _ = writeln!(text, "and {left_out} more");
        }
        Ok(text)
    }

    async fn open_alerts(&self) -> Result<i64> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM alerts WHERE resolved_at IS NULL");
        Ok(query.fetch_one(&self.app.database.pool).await?)
    }
}

fn help() -> String {
    let line = |command: Command| {
        let (name, (arguments, description)): (&str, _) = (command.into(), command.description());
        format!("/{name}{arguments}: {description}")
    };
    Command::iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A time in microseconds, in whole seconds, and in minutes from an hour on.
fn in_words(micros: i64) -> String {
    let seconds = u64::try_from(micros / 1_000_000).unwrap_or(0);
    let shown = if seconds >= 3_600 { seconds / 60 * 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(shown)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_the_list_by_its_name() {
        let list = help();
        for name in ["status", "jobs", "runs", "alerts", "silence NAME DURATION", "help"] {
            assert!(list.contains(&format!("/{name}: ")), "{list}");
        }
        assert_eq!(list.lines().count(), Command::iter().count());
    }

    #[test]
    fn times_are_told_in_words() {
        for (micros, expected) in [(-5, "0s"), (999_999, "0s"), (61_000_000, "1m 1s"), (7_261_000_000, "2h 1m")] {
            assert_eq!(in_words(micros), expected);
        }
    }
}
