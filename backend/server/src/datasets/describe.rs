//! `POST /api/v1/datasets/{id}/describe`: a short text about a dataset, by a language model.

use std::io::Read;

use axum::extract::{Path, State};
use axum::http::Extensions;
use belfry_learning::profile::Column;
use flate2::read::MultiGzDecoder;
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::rows::{self, Stored};
use crate::ai::caller::user_id;
use crate::ai::prompt::Prompt;
use crate::ai::quoting::{quoted, quoted_up_to};
use crate::ai::subject::{Subject, SubjectKind};
use crate::ai::{TextAnswer, TextOptions, TextRequest};
use crate::database::bounds;
use crate::error::{Error, Result};
use crate::request::{Json, Query};
use crate::state::{App, Shared};

/// The columns that are named; the rest is counted.
const MAX_COLUMNS: usize = 60;

/// With AI__SHARE_SAMPLES: the lines that are given, the characters of each, and how much of the file is read for them.
const MAX_LINES: usize = 6;
const MAX_LINE_CHARACTERS: usize = 300;
const MAX_SAMPLE_BYTES: u64 = 64 << 10;

const INSTRUCTIONS: &str = "You describe a table to people who may want to use it. Say in plain words what it seems to be about, \
which columns it has and of what types, what is missing, and what it may be useful for.";

/// Describes a dataset, or repeats the description that is stored with it.
pub async fn describe(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(TextOptions { again }): Query<TextOptions>,
    extensions: Extensions,
) -> Result<Json<TextAnswer>> {
    app.ai.require_enabled()?;
    let stored =
        bounds::with_request_timeout(rows::find(&app.database, &id)).await?.ok_or(Error::NotFound("dataset"))?;
    let subject = Subject { kind: SubjectKind::Dataset, id: stored.dataset.id.clone() };
    let request = TextRequest { subject, user_id: user_id(&extensions), again };
    let ai = app.ai.clone();
    ai.text(request, async move { prompt(&app, &stored).await }).await.map(Json)
}

async fn prompt(app: &App, stored: &Stored) -> Result<Prompt> {
    let dataset = &stored.dataset;
    let mut data = json!({
        "name": quoted(&dataset.name),
        "rows": dataset.rows,
        "number_of_columns": dataset.columns.len(),
        "columns": dataset.columns.iter().take(MAX_COLUMNS).map(column).collect::<Vec<_>>(),
    });
    if app.ai.share_samples {
        data["first_lines"] = first_lines(app, stored).await?.into();
    }
    Ok(Prompt::new(INSTRUCTIONS, &data))
}

/// What is told of a column: its name and what was counted.
fn column(column: &Column) -> Value {
    let mut told = json!({ "name": quoted(&column.name), "type": column.kind, "missing": column.missing });
    if let Some(classes) = column.classes {
        told["distinct_whole_numbers"] = classes.into();
    }
    if !column.notes.is_empty() {
        told["notes"] = column.notes.iter().map(|note| json!({ "what": note.code, "values": note.count })).collect();
    }
    told
}

/// The beginning of the file, line by line.
async fn first_lines(app: &App, stored: &Stored) -> Result<Vec<String>> {
    let size = stored.dataset.size_bytes.unsigned_abs();
    let mut pieces = app.storage.read(&stored.storage_key, Some(0..size.min(MAX_SAMPLE_BYTES))).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    if stored.dataset.format == "csv.gz" {
        bytes = beginning_of_gzip(&bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().take(MAX_LINES).map(|line| quoted_up_to(line, MAX_LINE_CHARACTERS)).collect())
}

/// As much as can be unpacked of the beginning of a gzip file, up to [`MAX_SAMPLE_BYTES`].
fn beginning_of_gzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(MAX_SAMPLE_BYTES);
    // The file was read in part, so that its end is an error; what came before it is in the buffer.
    let _ = reader.read_to_end(&mut unpacked);
    unpacked
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_beginning_of_a_gzip_file_is_unpacked() {
        let text = (0..100_000).map(|row| format!("{row},{}\n", row * 7 % 1_000)).collect::<String>();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text.as_bytes()).unwrap();
        let packed = packer.finish().unwrap();
        let part = beginning_of_gzip(&packed[..20_000]);
        assert!(part.len() > 10_000 && text.as_bytes().starts_with(&part), "{} bytes", part.len());
        assert_eq!(beginning_of_gzip(&packed).len() as u64, MAX_SAMPLE_BYTES);
        assert!(beginning_of_gzip(b"no gzip").is_empty());
    }
}
