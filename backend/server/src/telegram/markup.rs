//! The markup of messages: the HTML that Telegram takes, read into the text that is shown and the tags in it.
//!
//! Source: "HTML style" in the documentation of the Bot API, and for what that leaves open the parser of TDLib, by which Telegram's
//! own server reads messages. What is read here without an error, that one takes.

use std::borrow::Cow;

use belfry_learning::excerpt::excerpt;

/// The tags that there are.
const NAMES: [&str; 16] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "tg-spoiler",
    "a",
    "code",
    "pre",
    "blockquote",
    "tg-emoji",
];

/// A text as it is shown, and its tags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Markup {
    /// Without tags, its entities decoded.
    pub text: String,
    /// In order; each that is opened is closed, the innermost first.
    pub tags: Vec<Tag>,
}

/// One tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The byte of the text before which it stands.
    pub at: usize,
    /// Which tag.
    pub kind: TagKind,
}

/// What a tag does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TagKind {
    /// It begins an element.
    Open(Element),
    /// It ends the innermost element.
    Close,
}

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// In lower case.
    pub name: String,
    /// The tag as it was written, with its attributes.
    pub source: String,
}

/// What is wrong with a markup, and at which of its bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: found {found}, expected {expected}")]
pub struct MarkupError {
    at: usize,
    found: String,
    expected: &'static str,
}

/// A text without markup, as a part of one with it.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// Reads a markup.
pub(super) fn parse(html: &str) -> Result<Markup, MarkupError> {
    let mut markup = Markup::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(first) = rest.chars().next() {
        let at = html.len() - rest.len();
        let position = markup.text.len();
        if let Some(tag) = rest.strip_prefix("</") {
            let (end, after) = tag.split_once('>').ok_or_else(|| unclosed(at))?;
            let expected =
                open.pop().ok_or_else(|| error(at, format!("</{end}>"), "no end tag, since none is open"))?;
            let end = end.trim_ascii_end();
            if !end.is_empty() && !end.eq_ignore_ascii_case(&expected) {
                return Err(error(at, format!("</{end}>"), "the end tag of the innermost element"));
            }
            markup.tags.push(Tag { at: position, kind: TagKind::Close });
            rest = after;
        } else if first == '<' {
            let length = start_tag(&rest[1..]).map_err(|fault| fault.within(at))?;
            let (name, source) = (length.name, &rest[..length.end + 1]);
            open.push(name.clone());
            let element = Element { name, source: source.to_owned() };
            markup.tags.push(Tag { at: position, kind: TagKind::Open(element) });
            rest = &rest[source.len()..];
        } else if let Some((decoded, length)) = entity(rest) {
            // Half of a surrogate pair is no character.
            let decoded = char::from_u32(decoded);
            let shown = &rest[..length];
            markup.text.push(decoded.ok_or_else(|| error(at, shown.to_owned(), "the number of a character"))?);
            rest = &rest[length..];
        } else {
            markup.text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    match open.pop() {
        Some(name) => Err(error(html.len(), "the end of the text".to_owned(), "an end tag").naming(&name)),
        None => Ok(markup),
    }
}

/// A start tag that was read.
struct StartTag {
    name: String,
    /// After how many bytes it ends.
    end: usize,
}

/// Reads a start tag behind its `<`.
fn start_tag(text: &str) -> Result<StartTag, MarkupError> {
    let name_end = text.find(|c: char| c.is_ascii_whitespace() || c == '>').ok_or_else(|| unclosed(0))?;
    let name = text[..name_end].to_ascii_lowercase();
    if !NAMES.contains(&name.as_str()) {
        let expected = "one of the tags that Telegram knows, or &lt; for <";
        let found = if name.is_empty() { "a single <".to_owned() } else { format!("<{}>", excerpt(&name)) };
        return Err(error(0, found, expected));
    }
    let mut rest = &text[name_end..];
    let (mut is_spoiler, mut is_emoji) = (false, false);
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix('>') {
            if (name == "span" && !is_spoiler) || (name == "tg-emoji" && !is_emoji) {
                let expected = "class=\"tg-spoiler\" in a <span>, and a number as emoji-id in a <tg-emoji>";
                return Err(error(0, format!("<{name}> without it"), expected));
            }
            return Ok(StartTag { name, end: text.len() - after.len() });
        }
        let attribute_end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>'));
        let (attribute, after) = rest.split_at(attribute_end.ok_or_else(|| unclosed(0))?);
        rest = after.trim_ascii_start();
        let Some(value) = rest.strip_prefix('=') else {
            if name == "blockquote" && attribute == "expandable" {
                continue;
            }
            return Err(error(0, format!("<{name}> with {attribute:?}"), "a value for each attribute"));
        };
        let (value, after) = attribute_value(value.trim_ascii_start()).ok_or_else(|| {
            error(0, format!("<{name}> with {attribute:?}"), "a name for each attribute, and a value in quotes")
        })?;
        if attribute.is_empty() {
            return Err(error(0, format!("<{name}> with a value alone"), "a name for each attribute"));
        }
        is_spoiler |= attribute == "class" && value == "tg-spoiler";
        is_emoji |= attribute == "emoji-id" && value.parse::<i64>().is_ok_and(|id| id != 0);
        rest = after;
    }
}

/// The value of an attribute, and what comes behind it. Without quotes it has letters, digits, `.` and `-` alone.
fn attribute_value(text: &str) -> Option<(&str, &str)> {
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        return text[1..].split_once(quote);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'))?;
    let (value, after) = text.split_at(end);
    after.starts_with(|c: char| c.is_ascii_whitespace() || c == '>').then_some((value, after))
}

/// The number of the character that an entity at the beginning stands for, and the length of the entity. An `&` without one
/// stands for itself.
fn entity(text: &str) -> Option<(u32, usize)> {
    let behind = text.strip_prefix('&')?;
    let (number, length) = if let Some(digits) = behind.strip_prefix("#x") {
        let length = length_of(digits, |c| c.is_ascii_hexdigit());
        (u32::from_str_radix(&digits[..length], 16).ok()?, length + 3)
    } else if let Some(digits) = behind.strip_prefix('#') {
        let length = length_of(digits, |c| c.is_ascii_digit());
        (digits[..length].parse().ok()?, length + 2)
    } else {
        let length = length_of(behind, |c| c.is_ascii_alphabetic());
        let decoded = match &behind[..length] {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            _ => return None,
        };
        (decoded.into(), length + 1)
    };
    let is_usable = number != 0 && number < 0x0010_ffff && length < 10;
    is_usable.then(|| (number, length + usize::from(text[length..].starts_with(';'))))
}

fn length_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn error(at: usize, found: String, expected: &'static str) -> MarkupError {
    MarkupError { at, found, expected }
}

fn unclosed(at: usize) -> MarkupError {
    error(at, "a < without its >".to_owned(), "a whole tag, or &lt; for <")
}

impl MarkupError {
    fn within(mut self, at: usize) -> Self {
        self.at += at;
        self
    }

    fn naming(mut self, element: &str) -> Self {
        self.found = format!("{} within <{element}>", self.found);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that is shown, with the names of tags as they stand in it.
    fn shown(html: &str) -> Result<String, String> {
        let markup = parse(html).map_err(|error| error.to_string())?;
        let mut open = Vec::new();
        let mut shown = markup.text.clone();
        for tag in markup.tags.iter().rev() {
            let name = match &tag.kind {
                TagKind::Close => {
                    open.push(tag.at);
                    "/"
                }
                TagKind::Open(element) => {
                    open.pop().unwrap();
                    element.name.as_str()
                }
            };
            shown.insert_str(tag.at, &format!("[{name}]"));
        }
        assert!(open.is_empty());
        Ok(shown)
    }

    #[test]
    fn what_telegram_takes_is_read() {
        for (html, expected) in [
            ("", ""),
            ("a <B>b</b> c", "a [b]b[/] c"),
            ("<b>1<i>2</i></b>", "[b]1[i]2[/][/]"),
            ("<b>1</>", "[b]1[/]"),
            ("<a href=\"https://h/?a=1&amp;b=2>\">x</a >", "[a]x[/]"),
            ("<pre><code class='language-rust'>x</code></pre>", "[pre][code]x[/][/]"),
            ("<span class=tg-spoiler>x</span>", "[span]x[/]"),
            ("<blockquote expandable>x</blockquote>", "[blockquote]x[/]"),
            ("<tg-emoji emoji-id=\"5368324170671202286\">x</tg-emoji>", "[tg-emoji]x[/]"),
            ("1 &lt; 2 &amp;&amp; 3 &gt 2 &quot;&#33;&#x1F6a8;", "1 < 2 && 3 > 2 \"!🚨"),
            ("R&D &nbsp; &#0; & > &#1114111;", "R&D &nbsp; &#0; & > &#1114111;"),
        ] {
            assert_eq!(shown(html).as_deref(), Ok(expected), "{html}");
        }
    }

    #[test]
    fn what_telegram_refuses_is_an_error_that_says_where() {
        for (html, expected) in [
            ("a < b", "byte 2: found a single <, expected one of the tags"),
            ("a <b", "byte 2: found a < without its >"),
            ("a <x>b</x>", "byte 2: found <x>, expected one of the tags"),
            ("<b>1</i></b>", "byte 4: found </i>, expected the end tag of the innermost element"),
            ("</b>", "byte 0: found </b>, expected no end tag"),
            ("<b>1", "byte 4: found the end of the text within <b>, expected an end tag"),
            ("<a href>x</a>", "byte 0: found <a> with \"href\", expected a value"),
            ("<a href=\"x>y</a>", "byte 0: found <a> with \"href\", expected a name"),
            ("<a =x>y</a>", "byte 0: found <a> with a value alone"),
            ("<a href=a/b>y</a>", "byte 0: found <a> with \"href\""),
            ("<span>x</span>", "byte 0: found <span> without it"),
            ("<tg-emoji emoji-id=\"x\">x</tg-emoji>", "byte 0: found <tg-emoji> without it"),
            ("&#xd83d;", "byte 0: found &#xd83d;, expected the number of a character"),
        ] {
            let error = shown(html).unwrap_err();
            assert!(error.starts_with(expected), "{html}: {error}");
        }
    }

    #[test]
    fn an_escaped_text_is_read_as_it_was() {
        let text = "a < b && c > \"d\" &lt; </b> 🚨";
        assert_eq!(parse(&escape(text)).unwrap(), Markup { text: text.to_owned(), tags: Vec::new() });
    }
}
