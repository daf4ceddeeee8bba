//! Every part is read as Telegram's own server reads it, by a parser that is not ours: `belfry_test_support::telegram`.

use belfry_test_support::telegram::html::{Shown, receive};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::super::markup::parse;
use super::*;

fn parts(html: &str) -> Vec<String> {
    split(&parse(html).unwrap())
}

/// What each part shows, which Telegram must take.
fn shown(parts: &[String]) -> Vec<Shown> {
    parts.iter().map(|part| receive(part, true).unwrap_or_else(|error| panic!("{error}: {part}"))).collect()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Characters with the elements they are in, without white space, which is lost around messages.
fn seen(shown: &Shown) -> Vec<(char, Vec<String>)> {
    shown.characters().into_iter().filter(|(c, _)| !c.is_whitespace()).collect()
}

/// Everything that must hold of the parts of a markup.
fn check(html: &str) -> Vec<Shown> {
    let whole = belfry_test_support::telegram::html::parse(html).unwrap();
    let parts = shown(&parts(html));
    let mut rest = whole.text.as_str();
    for part in &parts {
        assert!(units(&part.text) <= MAX_UNITS);
        // The white space within a part is as it was.
        let at = rest.find(&part.text).unwrap_or_else(|| panic!("not in the message: {:?}", part.text));
        assert!(rest[..at].chars().all(char::is_whitespace), "left out: {:?}", &rest[..at]);
        rest = &rest[at + part.text.len()..];
    }
    assert!(rest.chars().all(char::is_whitespace), "left out: {rest:?}");
    let seen_in_parts: Vec<_> = parts.iter().flat_map(seen).collect();
    assert!(seen_in_parts == seen(&whole), "characters or their elements differ: {html}");
    parts
}

#[test]
fn a_message_that_fits_is_one_part() {
    assert_eq!(parts("<b>1</b> &lt; 2"), ["<b>1</b> &lt; 2"]);
    let longest = "x".repeat(MAX_UNITS);
    assert_eq!(parts(&longest), [longest.as_str()]);
    assert_eq!(parts(&format!("{longest}y")), [longest.as_str(), "y"]);
    // As it is shown: each `<` is four characters of the markup, and each emoji two units of one character.
    assert_eq!(parts(&"&lt;".repeat(MAX_UNITS)).len(), 1);
    assert_eq!(parts(&"🚨".repeat(MAX_UNITS / 2)).len(), 1);
    assert_eq!(parts(&"🚨".repeat(MAX_UNITS / 2 + 1)).len(), 2);
}

#[test]
fn a_part_ends_with_a_line_or_else_with_a_word() {
    let lines = format!("{}\n{}\n{}", "a b ".repeat(700), "c".repeat(1_000), "d".repeat(1_000));
    let ends = parts(&lines);
    assert_eq!(ends, [lines[..3_801].to_owned(), "d".repeat(1_000)]);
    assert_eq!(split_plain(&lines), ends);
    let words = "12345 ".repeat(800);
    assert!(parts(&words).iter().all(|part| part.trim_end().ends_with("12345")), "{:?}", parts(&words));
    // A line that ends right behind the part.
    let line = format!("{}\nnext", "x".repeat(MAX_UNITS));
    assert_eq!(parts(&line), ["x".repeat(MAX_UNITS), "next".to_owned()]);
    // A line that ends early would leave most of the part empty.
    let early = format!("x\n{}", "y".repeat(MAX_UNITS));
    assert_eq!(parts(&early), [format!("x\n{}", "y".repeat(MAX_UNITS - 2)), "yy".to_owned()]);
}

#[test]
fn elements_are_closed_and_opened_again() {
    let html = format!("<b>B<a href=\"http://h/?a&amp;b\">{}</a></b>!", "x".repeat(MAX_UNITS));
    let again = "<b><a href=\"http://h/?a&amp;b\">x</a></b>!";
    let first = format!("<b>B<a href=\"http://h/?a&amp;b\">{}</a></b>", "x".repeat(MAX_UNITS - 1));
    assert_eq!(parts(&html), [first.as_str(), again]);
    check(&html);
    // One that ends at the cut is not opened again, and one that begins there not before.
    let html = format!("<i>{}</i><u>y</u>", "x".repeat(MAX_UNITS));
    assert_eq!(parts(&html), [format!("<i>{}</i>", "x".repeat(MAX_UNITS)).as_str(), "<u>y</u>"]);
}

#[test]
fn what_people_see_as_one_character_stays_whole() {
    let family = "👨‍👩‍👧‍👦";
    let text = format!("{}{family}", "x".repeat(MAX_UNITS - 3));
    assert_eq!(parts(&text), ["x".repeat(MAX_UNITS - 3), family.to_owned()]);
    // One that no part can hold is cut between its code points.
    let endless = format!("e{}", "\u{301}".repeat(2 * MAX_UNITS));
    let cut: Vec<usize> = split_plain(&endless).iter().map(|part| units(part)).collect();
    assert_eq!(cut, [MAX_UNITS, MAX_UNITS, 1]);
}

#[test]
fn a_part_has_no_more_elements_than_telegram_shows() {
    let html = "<b>x</b> ".repeat(250);
    let parts = check(&html);
    assert_eq!(parts.iter().map(|part| part.elements.len()).collect::<Vec<_>>(), [100, 100, 50]);
    // More than that around one character are sent as they are.
    let nested = format!("{}x{}", "<b>".repeat(150), "</b>".repeat(150));
    assert_eq!(super::split(&parse(&nested).unwrap()), [nested]);
}

#[test]
fn what_shows_nothing_is_no_part() {
    for text in ["", " \n\t", "\u{200b}\u{feff}", "\u{2800}"] {
        assert_eq!(split_plain(text), Vec::<String>::new(), "{text:?}");
        assert_eq!(parts(&format!("<b>{text}</b>")), Vec::<String>::new(), "{text:?}");
    }
    let gap = format!("a{}b", "\n".repeat(3 * MAX_UNITS));
    let around = parts(&gap).iter().map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(around, ["a", "b"]);
}

/// A markup of many pieces, with elements within elements.
fn random_markup(random: &mut StdRng, pieces: usize) -> String {
    const TEXTS: [&str; 13] = [
        "x",
        "word ",
        "\n",
        "  ",
        "&lt;",
        "R&D",
        "&amp;",
        "&#128680;",
        "e\u{301}",
        "🚨",
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "a_very_long_word_that_has_no_place_to_be_cut_at",
    ];
    const ELEMENTS: [&str; 6] = ["b", "i", "u", "code", "span class=\"tg-spoiler\"", "a href='http://h/?a&amp;b>'"];
    let (mut html, mut open) = (String::new(), Vec::new());
    for _ in 0..pieces {
        match random.random_range(0..20) {
            0 => {
                let element = *ELEMENTS.choose(random).unwrap();
                html += &format!("<{element}>");
                open.push(element.split(' ').next().unwrap());
            }
            1 => html += &open.pop().map_or_else(String::new, |name| format!("</{name}>")),
            _ => html += &TEXTS.choose(random).unwrap().repeat(random.random_range(1..8)),
        }
    }
    html.extend(open.iter().rev().map(|name| format!("</{name}>")));
    html
}

#[test]
fn random_markup_arrives_whole_in_valid_parts() {
    let mut most = 0;
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let pieces = random.random_range(1..1_500);
        most = most.max(check(&random_markup(&mut random, pieces)).len());
    }
    assert!(most > 5, "the longest had {most} parts");
}
