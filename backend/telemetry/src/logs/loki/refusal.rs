//! How many lines of a push Loki refused, as its answer says.
//!
//! Source: Loki's ingester, which ends such an answer with `user 'fake', total ignored: 1 out of 3 for stream: {...}`. It has
//! stored the other lines of the stream. Of a push with several streams it names the last one with refused lines only, and a
//! refusal at the front, of a line too long or older than any stream may have, has no such end.

use reqwest::Response;

/// More than an answer with the reasons of the ten lines that Loki names at most.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The number of refused lines of a push of one stream with so many lines. `None` when the answer does not say.
pub(super) async fn refused_lines(answer: Response, pushed: u64) -> Option<u64> {
    let text = read(answer).await?;
    parse(&text).filter(|(refused, of)| *of == pushed && (1..=pushed).contains(refused)).map(|(refused, _)| refused)
}

/// The answer's text; `None` when it is too long, breaks off, or is no text.
async fn read(mut answer: Response) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER_BYTES {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// How many lines were refused, and of how many, from the last line of an answer.
fn parse(answer: &str) -> Option<(u64, u64)> {
    let last = answer.trim_end().lines().next_back()?;
    let (before, counts) = last.rsplit_once("total ignored: ")?;
    if !(before.starts_with("user '") && before.ends_with("', ")) {
        return None;
    }
    let (counts, stream) = counts.split_once(" for stream: ")?;
    if !(stream.starts_with('{') && stream.ends_with('}')) {
        return None;
    }
    let (refused, of) = counts.split_once(" out of ")?;
    Some((number(refused)?, number(of)?))
}

/// Digits alone: `parse` takes a sign too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_says_how_many_were_refused() {
        let reason = "entry with timestamp 2026-01-31 00:00:00 +0000 UTC ignored, reason: 'entry too far behind, entry \
                      timestamp is: 2026-01-31T00:00:00Z, oldest acceptable timestamp is: 2026-01-31T09:00:00Z',\n";
        let end = |counts: &str| format!("user 'fake', total ignored: {counts} for stream: {{level=\"info\"}}");
        assert_eq!(parse(&format!("{reason}{}\n", end("1 out of 3"))), Some((1, 3)));
        assert_eq!(parse(&end("20 out of 20")), Some((20, 20)));
    }

    #[test]
    fn an_answer_of_another_shape_says_nothing() {
        for other in [
            "",
            "total ignored: 1 out of 3",
            "user 'fake', total ignored: 1 out of 3",
            "user 'fake', total ignored: 1 out of many for stream: {}",
            "user 'fake', total ignored: +1 out of 3 for stream: {}",
            "user 'fake', total ignored: -1 out of 3 for stream: {}",
            "user 'fake', total ignored: 1 of 3 for stream: {}",
            "user 'fake', total ignored:  out of  for stream: {}",
            "user 'fake', total ignored: 99999999999999999999 out of 3 for stream: {}",
            "user 'fake', total ignored: 1 out of 3 for stream: {}\nand something else",
            "a line says total ignored: 1 out of 3 for stream: {}",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
