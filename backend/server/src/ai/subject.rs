//! What texts are about, and where they are stored: in the row of the run or dataset, which they go with.
//!
//! A row also says until when somebody writes its text. Whoever sets that time, in one guarded statement, is the only one of all
//! servers to pay; others wait. If the writer dies, the time passes.

use crate::database::Database;
use crate::error::{Error, Result};
use crate::labels::AiOperation;

use super::text::AiText;

/// A run or a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    pub kind: SubjectKind,
    pub id: String,
}

/// What texts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A training run, which is explained.
    Run,
    /// A dataset, which is described.
    Dataset,
}

impl SubjectKind {
    /// What the provider is asked for.
    pub fn operation(self) -> AiOperation {
        match self {
            Self::Run => AiOperation::ExplainRun,
            Self::Dataset => AiOperation::DescribeDataset,
        }
    }

    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Dataset => "dataset",
        }
    }
}

impl Subject {
    /// The text and the time until which somebody writes one.
    ///
    /// # Errors
    /// 404 when the row is gone.
    pub(super) async fn read(&self, database: &Database) -> Result<(Option<AiText>, Option<i64>)> {
        let sql = match self.kind {
            SubjectKind::Run => "SELECT explanation, explaining_until FROM runs WHERE id = $1",
            SubjectKind::Dataset => "SELECT description, describing_until FROM datasets WHERE id = $1",
        };
        let query = sqlx::query_as::<_, (Option<String>, Option<i64>)>(sql).bind(&self.id);
        let row = query.fetch_optional(&database.pool).await?;
        let (text, until) = row.ok_or(Error::NotFound(self.kind.name()))?;
        Ok((parse_text(text.as_deref())?, until))
    }

    /// Claims the right to write the text until a time, in microseconds. Returns whether nobody else has it at `now`.
    pub(super) async fn claim(&self, database: &Database, now: i64, until: i64) -> Result<bool> {
        let sql = match self.kind {
            SubjectKind::Run => {
                "UPDATE runs SET explaining_until = $2 WHERE id = $1 AND (explaining_until IS NULL OR explaining_until <= $3)"
            }
            SubjectKind::Dataset => {
                "UPDATE datasets SET describing_until = $2 WHERE id = $1 AND (describing_until IS NULL OR describing_until <= $3)"
            }
        };
        let done = sqlx::query(sql).bind(&self.id).bind(until).bind(now).execute(&database.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives up the right that was claimed until this time, unless it has passed to somebody else.
    pub(super) async fn release(&self, database: &Database, until: i64) -> Result<()> {
        let sql = match self.kind {
            SubjectKind::Run => "UPDATE runs SET explaining_until = NULL WHERE id = $1 AND explaining_until = $2",
            SubjectKind::Dataset => {
                "UPDATE datasets SET describing_until = NULL WHERE id = $1 AND describing_until = $2"
            }
        };
        sqlx::query(sql).bind(&self.id).bind(until).execute(&database.pool).await?;
        Ok(())
    }

    /// Stores a text. Returns whether the row is still there.
    pub(super) async fn store(&self, database: &Database, text: &AiText) -> Result<bool> {
        let sql = match self.kind {
            SubjectKind::Run => "UPDATE runs SET explanation = $2 WHERE id = $1",
            SubjectKind::Dataset => "UPDATE datasets SET description = $2 WHERE id = $1",
        };
        let json = serde_json::to_string(text).map_err(|error| Error::Internal(error.into()))?;
        let done = sqlx::query(sql).bind(&self.id).bind(json).execute(&database.pool).await?;
        Ok(done.rows_affected() == 1)
    }
}

/// A text as a row has it.
///
/// # Errors
/// [`Error::Internal`] for one that was not stored by this program.
pub fn parse_text(json: Option<&str>) -> Result<Option<AiText>> {
    json.map(serde_json::from_str)
        .transpose()
        .map_err(|error| Error::Internal(anyhow::Error::new(error).context("a text of the AI provider cannot be read")))
}
