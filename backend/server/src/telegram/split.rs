//! Splits a message into parts that Telegram takes: each is a whole markup of its own.
//!
//! Telegram takes 4096 characters "after entities parsing", and counts everything in UTF-16 code units; it shows 100 elements of a
//! message and ignores further ones. It removes white space around a message, and refuses one in which nothing is seen.

use super::markup::{Element, Markup, TagKind, escape};
use unicode_segmentation::GraphemeCursor;

/// The longest text of one message, as it is shown, in UTF-16 code units.
pub(super) const MAX_UNITS: usize = 4_096;

/// The most elements of one message. Source: the constants of python-telegram-bot, since the Bot API does not document it.
pub(super) const MAX_ELEMENTS: usize = 100;

/// The parts of a markup, in order. A part ends with a line where one ends in its second half, else between words, else between
/// characters; the white space at that place is left out.
pub(super) fn split(markup: &Markup) -> Vec<String> {
    let text = markup.text.as_str();
    let mut open: Vec<&Element> = Vec::new();
    let (mut from, mut tags, mut parts) = (0, markup.tags.as_slice(), Vec::new());
    while from < text.len() {
        let (before, ahead) = tags.split_at(tags.partition_point(|tag| tag.at <= from));
        for tag in before {
            match &tag.kind {
                TagKind::Open(element) => open.push(element),
                TagKind::Close => drop(open.pop()),
            }
        }
        let mut opened = ahead.iter().filter(|tag| matches!(tag.kind, TagKind::Open(_)));
        let too_many = opened.nth(MAX_ELEMENTS.saturating_sub(open.len())).map_or(text.len(), |tag| tag.at);
        let (to, next) = cut(text, from, window(text, from).min(too_many));
        let (within, behind) = ahead.split_at(ahead.partition_point(|tag| tag.at < to));
        let mut part: String = open.iter().map(|element| element.source.as_str()).collect();
        let mut written = from;
        for tag in within {
            part += &escape(&text[written..tag.at]);
            written = tag.at;
            match &tag.kind {
                TagKind::Open(element) => {
                    part += &element.source;
                    open.push(element);
                }
                TagKind::Close => part.extend(open.pop().map(end_tag)),
            }
        }
        part += &escape(&text[written..to]);
        part.extend(open.iter().rev().map(|element| end_tag(element)));
        if !is_blank(&text[from..to]) {
            parts.push(part);
        }
        (from, tags) = (next, behind);
    }
    parts
}

/// The parts of a text without markup.
pub(super) fn split_plain(text: &str) -> Vec<String> {
    let (mut from, mut parts) = (0, Vec::new());
    while from < text.len() {
        let (to, next) = cut(text, from, window(text, from));
        if !is_blank(&text[from..to]) {
            parts.push(text[from..to].to_owned());
        }
        from = next;
    }
    parts
}

fn end_tag(element: &Element) -> String {
    format!("</{}>", element.name)
}

/// Where a part from here on ends at the latest.
fn window(text: &str, from: usize) -> usize {
    let mut units = 0;
    let end = text[from..].char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MAX_UNITS
    });
    end.map_or(text.len(), |(end, _)| from + end)
}

/// Where a part ends that may end at `latest`, and where the next one begins.
fn cut(text: &str, from: usize, latest: usize) -> (usize, usize) {
    if latest == text.len() {
        return (latest, latest);
    }
    let half = text.floor_char_boundary(from + (latest - from) / 2);
    // White space right behind the end is a good end, too.
    let behind = text[latest..].chars().next().filter(|c| c.is_whitespace()).map_or(0, char::len_utf8);
    let second_half = &text[half..latest + behind];
    let last = |is_end: fn(char) -> bool| second_half.rfind(is_end).map(|at| half + at).filter(|at| *at > from);
    let next = |at: usize| (at, at + text[at..].chars().next().map_or(0, char::len_utf8));
    if let Some(at) = last(|c| c == '\n').or_else(|| last(char::is_whitespace)) {
        return next(at);
    }
    // A character as people see it may be of several: a letter and its accents, the members of a family.
    let boundary = match GraphemeCursor::new(latest, text.len(), true).is_boundary(text, 0) {
        Ok(false) => GraphemeCursor::new(latest, text.len(), true).prev_boundary(text, 0).ok().flatten(),
        _ => Some(latest),
    };
    let to = boundary.filter(|boundary| *boundary > from).unwrap_or(latest);
    (to, to)
}

/// Whether nothing is seen of a text. Telegram removes some of these characters, and takes others for spaces.
fn is_blank(text: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '\u{30a}' | '\u{333}' | '\u{33f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2800}' | '\u{fffc}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
            )
    };
    text.chars().all(is_unseen)
}

#[cfg(test)]
mod tests;
