//! Usage as CSV (RFC 4180), for spreadsheets and for programs.

use super::groups::{Group, GroupBy, GroupSums};

const COLUMNS: [&str; 14] = [
    "calls",
    "failed_calls",
    "unpriced_calls",
    "unknown_cost_calls",
    "uncached_prompt_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "visible_output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_dollars",
    "cost_pico_dollars",
    "counted_dollars",
    "counted_pico_dollars",
];

/// A header, then a line for each group. Amounts have a column in dollars and one in whole pico-dollars.
pub(super) fn text(by: GroupBy, groups: &[Group]) -> anyhow::Result<String> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let name = by.to_string();
    writer.write_record([name.as_str()].into_iter().chain(COLUMNS))?;
    for Group { key, sums } in groups {
        let key = as_text(key.as_deref().unwrap_or_default());
        writer.write_record([key].into_iter().chain(values(sums)))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn values(sums: &GroupSums) -> [String; COLUMNS.len()] {
    let numbers = [
        sums.calls,
        sums.failed_calls,
        sums.unpriced_calls,
        sums.unknown_cost_calls,
        sums.uncached_prompt_tokens,
        sums.cache_read_tokens,
        sums.cache_write_tokens,
        sums.visible_output_tokens,
        sums.reasoning_tokens,
        sums.total_tokens,
    ];
    let amounts = [sums.cost, sums.counted].into_iter().flat_map(|sum| [sum.to_string(), sum.get().to_string()]);
    let mut values = numbers.iter().map(ToString::to_string).chain(amounts);
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

/// A text from outside that no spreadsheet takes for a formula: one that begins like one gets an apostrophe in front.
fn as_text(text: &str) -> String {
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use belfry_ledger::PicoDollars;

    use super::*;

    fn group(key: Option<&str>) -> Group {
        let sums = GroupSums {
            calls: 2,
            cost: PicoDollars::new(1),
            counted: PicoDollars::from(i64::MAX),
            ..Default::default()
        };
        Group { key: key.map(str::to_owned), sums }
    }

    #[test]
    fn amounts_keep_all_their_digits() {
        let text = text(GroupBy::Model, &[group(Some("gpt-5"))]).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines[0], format!("model,{}", COLUMNS.join(",")));
        assert_eq!(lines[1], "gpt-5,2,0,0,0,0,0,0,0,0,0,0.000000000001,1,9223372.036854775807,9223372036854775807");
        assert_eq!((lines[2], lines.len()), ("", 3));
    }

    #[test]
    fn no_name_is_taken_for_a_formula() {
        let hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "=a\"b,c\r\nd"];
        for name in hostile {
            let text = text(GroupBy::User, &[group(Some(name))]).unwrap();
            let read = csv::Reader::from_reader(text.as_bytes()).records().next().unwrap().unwrap();
            assert_eq!(&read[0], format!("'{name}"));
        }
        let text = text(GroupBy::User, &[group(None), group(Some("a-b=c"))]).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let keys: Vec<_> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
        assert_eq!(keys, ["", "a-b=c"]);
    }
}
