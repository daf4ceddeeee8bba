//! Messages as Telegram's own server reads and shows them.
//!
//! Source: `parse_html` and `clean_input_string` of TDLib, on which that server is built, with its error texts; the documentation of
//! `sendMessage` for the limit. Of the attributes only their form is checked.

/// The tags that there are.
const NAMES: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "code",
    "del",
    "em",
    "i",
    "ins",
    "pre",
    "s",
    "span",
    "strike",
    "strong",
    "tg-emoji",
    "tg-spoiler",
    "u",
];

/// What is taken of one message: its text after the markup is read, in UTF-16 code units, and its elements.
const MAX_UNITS: usize = 4_096;
const MAX_ELEMENTS: usize = 100;

/// A message as people see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its text.
    pub text: String,
    /// Its elements, by their begin.
    pub elements: Vec<Element>,
}

/// An element around some of a text's characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its first character, and the first behind it.
    pub begin: usize,
    /// The end.
    pub end: usize,
    /// The name of its tag.
    pub name: String,
}

impl Shown {
    /// Each character, with the names of the elements that it is in.
    #[must_use]
    pub fn characters(&self) -> Vec<(char, Vec<String>)> {
        let mut characters: Vec<(char, Vec<String>)> = self.text.chars().map(|c| (c, Vec::new())).collect();
        for element in &self.elements {
            for (_, names) in &mut characters[element.begin..element.end] {
                names.push(element.name.clone());
            }
        }
        characters.iter_mut().for_each(|(_, names)| names.sort_unstable());
        characters
    }
}

/// Takes a message as Telegram does.
///
/// # Errors
/// The description of the answer 400.
pub fn receive(text: &str, is_html: bool) -> Result<Shown, String> {
    let mut shown = if is_html {
        parse(text).map_err(|error| format!("Bad Request: can't parse entities: {error}"))?
    } else {
        Shown { text: text.to_owned(), elements: Vec::new() }
    };
    if shown.text.chars().all(|c| c.is_whitespace() || c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c)) {
        return Err("Bad Request: message text is empty".to_owned());
    }
    if shown.text.encode_utf16().count() > MAX_UNITS {
        return Err("Bad Request: message is too long".to_owned());
    }
    trim(&mut shown);
    shown.elements.truncate(MAX_ELEMENTS);
    Ok(shown)
}

/// Removes white space around the text; elements around that alone are gone.
fn trim(shown: &mut Shown) {
    let before = shown.text.chars().take_while(|c| c.is_whitespace()).count();
    shown.text = shown.text.trim().to_owned();
    let length = shown.text.chars().count();
    for element in &mut shown.elements {
        element.begin = element.begin.saturating_sub(before).min(length);
        element.end = element.end.saturating_sub(before).min(length);
    }
    shown.elements.retain(|element| element.begin < element.end);
}

/// Reads a markup, whatever its length.
///
/// # Errors
/// What is wrong with it, as Telegram says it.
pub fn parse(html: &str) -> Result<Shown, String> {
    let text: Vec<char> = html.chars().collect();
    let mut reader = Reader { text: &text, at: 0 };
    let (mut shown, mut open): (Vec<char>, Vec<(String, usize)>) = (Vec::new(), Vec::new());
    let mut elements = Vec::new();
    while let Some(c) = reader.peek() {
        if c == '&'
            && let Some(decoded) = reader.entity()?
        {
            shown.push(decoded);
        } else if c != '<' {
            shown.push(c);
            reader.at += 1;
        } else if reader.text.get(reader.at + 1) == Some(&'/') {
            let begin = reader.at;
            let (name, at) = open.pop().ok_or_else(|| format!("Unexpected end tag at byte offset {begin}"))?;
            reader.at += 2;
            let end = reader.take_until(|c| c.is_ascii_whitespace() || c == '>').to_lowercase();
            reader.skip_space();
            if reader.peek() != Some('>') {
                return Err(format!("Unclosed end tag at byte offset {begin}"));
            }
            reader.at += 1;
            if !end.is_empty() && end != name {
                let found = format!("expected \"</{name}>\", found \"</{end}>\"");
                return Err(format!("Unmatched end tag at byte offset {begin}, {found}"));
            }
            if shown.len() > at {
                elements.push(Element { begin: at, end: shown.len(), name });
            }
        } else {
            let name = reader.start_tag()?;
            open.push((name, shown.len()));
        }
    }
    if let Some((name, _)) = open.pop() {
        return Err(format!("Can't find end tag corresponding to start tag {name}"));
    }
    elements.sort_by_key(|element| (element.begin, usize::MAX - element.end));
    Ok(Shown { text: shown.into_iter().collect(), elements })
}

struct Reader<'t> {
    text: &'t [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        while self.peek().is_some_and(|c| !ends(c)) {
            self.at += 1;
        }
        self.text[begin..self.at].iter().collect()
    }

    fn skip_space(&mut self) {
        self.take_until(|c| !c.is_ascii_whitespace());
    }

    fn start_tag(&mut self) -> Result<String, String> {
        let begin = self.at;
        let unclosed = || format!("Unclosed start tag at byte offset {begin}");
        self.at += 1;
        let name = self.take_until(|c| c.is_ascii_whitespace() || c == '>').to_lowercase();
        self.peek().ok_or_else(unclosed)?;
        if !NAMES.contains(&name.as_str()) {
            return Err(format!("Unsupported start tag \"{name}\" at byte offset {begin}"));
        }
        let mut is_spoiler = false;
        loop {
            self.skip_space();
            if self.peek().ok_or_else(unclosed)? == '>' {
                self.at += 1;
                break;
            }
            let attribute = self.take_until(|c| c.is_ascii_whitespace() || matches!(c, '=' | '>'));
            self.skip_space();
            if name == "blockquote" && attribute == "expandable" && self.peek() != Some('=') {
                continue;
            }
            if attribute.is_empty() {
                return Err(format!("Empty attribute name in the tag \"{name}\" at byte offset {begin}"));
            }
            if self.peek() != Some('=') {
                let what = "Expected equal sign in declaration of an attribute of the tag";
                return Err(format!("{what} \"{name}\" at byte offset {begin}"));
            }
            self.at += 1;
            self.skip_space();
            let value = if let Some(quote) = self.peek().filter(|c| matches!(c, '"' | '\'')) {
                self.at += 1;
                let value = self.take_until(|c| c == quote);
                self.peek().ok_or_else(unclosed)?;
                self.at += 1;
                value
            } else {
                let token = self.at;
                let value = self.take_until(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'));
                if !self.peek().is_some_and(|c| c.is_ascii_whitespace() || c == '>') {
                    return Err(format!("Unexpected end of name token at byte offset {token}"));
                }
                value
            };
            is_spoiler |= attribute == "class" && value == "tg-spoiler";
        }
        if name == "span" && !is_spoiler {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"));
        }
        Ok(name)
    }

    /// The character that an entity stands for; without one, nothing is read.
    fn entity(&mut self) -> Result<Option<char>, String> {
        let begin = self.at;
        self.at += 1;
        let number = if self.peek() == Some('#') {
            self.at += 1;
            let radix = if self.peek() == Some('x') { 16 } else { 10 };
            self.at += usize::from(radix == 16);
            let digits = self.take_until(|c| !c.is_digit(radix));
            u32::from_str_radix(&digits, radix).ok().filter(|number| *number != 0 && *number < 0x0010_ffff)
        } else {
            let name = self.take_until(|c| !c.is_ascii_alphabetic());
            [("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"')]
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, c)| u32::from(*c))
        };
        let Some(number) = number.filter(|_| self.at - begin < 10) else {
            self.at = begin;
            return Ok(None);
        };
        self.at += usize::from(self.peek() == Some(';'));
        let invalid = "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate \
                       code units";
        char::from_u32(number).map(Some).ok_or_else(|| invalid.to_owned())
    }
}
