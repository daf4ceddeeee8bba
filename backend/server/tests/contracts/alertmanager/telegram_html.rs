//! HTML as Telegram's Bot API takes it: a few tags, closed in order, and a few entities. Anything else is refused there.

/// The text that is left once tags and entities are read.
pub(super) fn text_of(html: &str) -> Result<String, String> {
    let (mut text, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find(['<', '&', '>']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (token, after) = match rest.as_bytes()[0] {
            b'<' => rest.split_once('>').ok_or(format!("a tag without an end: {rest:.40}"))?,
            b'&' => rest.split_once(';').ok_or(format!("an entity without an end: {rest:.40}"))?,
            _ => return Err(format!("a bare `>`: {rest:.40}")),
        };
        rest = after;
        match token {
            "<b" => open.push("b"),
            "</b" | "</a" => {
                let tag = open.pop();
                if tag != Some(&token[2..]) {
                    return Err(format!("{token} closes {tag:?}"));
                }
            }
            "&lt" => text.push('<'),
            "&gt" => text.push('>'),
            "&amp" => text.push('&'),
            "&quot" => text.push('"'),
            _ if token.starts_with("<a href=\"") && token.ends_with('"') => open.push("a"),
            _ => {
                let number = token.strip_prefix("&#").and_then(|number| number.parse().ok()).and_then(char::from_u32);
                text.push(number.ok_or(format!("{token} is neither a tag nor an entity of Telegram"))?);
            }
        }
    }
    text.push_str(rest);
    if open.is_empty() { Ok(text) } else { Err(format!("{open:?} are not closed")) }
}

#[test]
fn broken_markup_is_seen() {
    assert_eq!(text_of("<b>a &lt;&#39;&amp;</b>\n<a href=\"http://b\">c</a>").unwrap(), "a <'&\nc");
    for broken in
        ["<b>a", "a</b>", "<b><a href=\"x\">a</b></a>", "a & b", "a &nbsp; b", "a < b", "a > b", "<i>a</i>", "&am"]
    {
        assert!(text_of(broken).is_err(), "{broken}");
    }
}
