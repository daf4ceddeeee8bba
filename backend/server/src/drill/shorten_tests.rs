//! The shipped rules, shortened, compared with what they were through the grammars of YAML and PromQL.

use promql_parser::parser::{Expr, Offset, parse as parse_expression};

use super::*;

const FACTORS: [u32; 3] = [30, 60, 997];

fn shipped() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/monitoring/prometheus/rules");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.display().to_string(), std::fs::read_to_string(path).unwrap()));
    }
    assert!(files.len() >= 10, "{} files", files.len());
    files
}

fn spans(expression: &str) -> Vec<(&str, Role)> {
    in_expression(expression).unwrap().into_iter().map(|found| (&expression[found.place], found.role)).collect()
}

#[test]
fn ranges_subqueries_and_offsets_are_found() {
    assert_eq!(spans("rate(a[5m]) > 300"), [("5m", Role::Range)]);
    assert_eq!(
        spans("max_over_time(a[1h:30s]) - b offset 1d"),
        [("1h", Role::Range), ("30s", Role::Interval), ("1d", Role::Span)]
    );
    assert_eq!(spans("a[1h30m:] OFFSET -15m"), [("1h30m", Role::Range), ("15m", Role::Span)]);
    assert_eq!(spans("job:a:rate5m / 0.5 # not [5m]\n + b[2m]"), [("2m", Role::Range)]);
}

#[test]
fn strings_are_left_alone() {
    assert_eq!(spans(r#"a{b=~"[5m] offset 1h", c='[a-z] \' [1h]', d=`\`} + e[3m]"#), [("3m", Role::Range)]);
}

#[test]
fn what_is_no_duration_is_refused_by_name() {
    for (expression, found) in
        [("a[5 minutes]", "`5`"), ("a offset b", "`b`"), ("a[5x]", "`5x`"), ("a{b=\"c}", "without an end")]
    {
        let error = format!("{:#}", in_expression(expression).unwrap_err());
        assert!(error.contains(found), "{expression}: {error}");
    }
}

#[test]
fn rules_in_another_style_are_refused_rather_than_missed() {
    let flow = "groups: [{name: g, rules: [{alert: A, expr: 'rate(a[5m]) > 0', for: 5m}]}]\n";
    let error = format!("{:#}", rules(flow, 60).unwrap_err());
    assert!(error.contains("cannot shorten `expr: rate(a[5m]) > 0`"), "{error}");
}

#[test]
fn a_group_is_shortened_as_a_whole() {
    let text = "groups:\n  - name: g\n    interval: 1m\n    rules:\n      - alert: A # [5m]\n        expr: |\n          rate(a[1h])\n            > 3600\n        for: 5m # as long\n        keep_firing_for: 2m\n        annotations:\n          description: 'for: 5m'\n";
    let expected = text
        .replace("interval: 1m", "interval: 1s")
        .replace("a[1h]", "a[60s]")
        .replace("        for: 5m", "        for: 5s")
        .replace("keep_firing_for: 2m", "keep_firing_for: 2s");
    assert_eq!(rules(text, 60).unwrap(), expected);
}

#[test]
fn ranges_keep_room_for_four_scrapes() {
    assert_eq!(shortened(Duration::from_secs(60), Role::Range, 240), Duration::from_secs(1));
    assert_eq!(shortened(Duration::from_secs(60), Role::Span, 240), Duration::from_millis(250));
    assert_eq!(shortened(Duration::from_secs(10), Role::Span, 60), Duration::from_millis(167));
    assert_eq!(shortened(Duration::ZERO, Role::Span, 60), Duration::ZERO);
}

/// Every duration that was found, put back, gives every byte of the shipped file.
#[test]
fn undone_it_is_the_shipped_file_again() {
    for (file, text) in shipped() {
        for factor in FACTORS {
            let short = rules(&text, factor).unwrap();
            assert_ne!(short, text, "{file}");
            let (before, after) = (in_rules(&text).unwrap(), in_rules(&short).unwrap());
            assert_eq!(before.len(), after.len(), "{file}");
            let mut restored = short.clone();
            for (before, after) in before.iter().zip(&after).rev() {
                assert_eq!(after.length, shortened(before.length, before.role, factor), "{file}");
                restored.replace_range(after.place.clone(), &text[before.place.clone()]);
            }
            assert_eq!(restored, text, "{file}");
        }
    }
}

/// As `promql-parser` and a parser of YAML see it, which know nothing of how this file looks for durations.
#[test]
fn only_durations_differ_and_each_by_the_factor() {
    let mut durations = 0;
    for (file, text) in shipped() {
        for factor in FACTORS {
            let short = rules(&text, factor).unwrap();
            let [mut before, mut after]: [Value; 2] =
                [text.as_str(), short.as_str()].map(|text| yaml_serde::from_str(text).unwrap());
            let mut names = Vec::new();
            for (before, after) in rules_of(&mut before).into_iter().zip(rules_of(&mut after)) {
                durations += compare_expressions(&before["expr"], &after["expr"], factor);
                for key in ["for", "keep_firing_for"] {
                    let (Some(before), Some(after)) = (before[key].as_str(), after[key].as_str()) else { continue };
                    assert_eq!(parse(after).unwrap(), shortened(parse(before).unwrap(), Role::Span, factor), "{file}");
                    durations += 1;
                }
                names.push((before["alert"].clone(), after["alert"].clone()));
                for rule in [before, after] {
                    for key in ["expr", "for", "keep_firing_for"] {
                        rule.as_object_mut().unwrap().remove(key);
                    }
                }
            }
            assert!(names.iter().all(|(before, after)| before == after) && !names.is_empty(), "{names:?}");
            for value in [&mut before, &mut after] {
                for group in value["groups"].as_array_mut().unwrap() {
                    group.as_object_mut().unwrap().remove("interval");
                }
            }
            assert_eq!(before, after, "{file}");
        }
    }
    assert!(durations > 500, "{durations}");
}

fn rules_of(file: &mut Value) -> Vec<&mut Value> {
    let groups = file["groups"].as_array_mut().unwrap();
    groups.iter_mut().flat_map(|group| group["rules"].as_array_mut().unwrap()).collect()
}

/// The number of durations in both.
fn compare_expressions(before: &Value, after: &Value, factor: u32) -> usize {
    let [before, mut after] = [before, after].map(|text| parse_expression(text.as_str().unwrap()).unwrap());
    let mut originals = Vec::new();
    visit(&mut before.clone(), &mut |length, role| originals.push((*length, role)));
    let mut originals = originals.into_iter();
    let mut count = 0;
    visit(&mut after, &mut |length, role| {
        let (original, of_role) = originals.next().expect("as many durations as before");
        assert_eq!((*length, role), (shortened(original, role, factor), of_role));
        *length = original;
        count += 1;
    });
    assert_eq!(originals.next(), None);
    assert_eq!(after, before);
    count
}

/// Every duration of an expression.
fn visit(expression: &mut Expr, each: &mut dyn FnMut(&mut Duration, Role)) {
    let in_offset = |offset: &mut Option<Offset>, each: &mut dyn FnMut(&mut Duration, Role)| match offset {
        Some(Offset::Pos(length) | Offset::Neg(length)) => each(length, Role::Span),
        None => {}
    };
    match expression {
        Expr::Aggregate(aggregate) => {
            visit(&mut aggregate.expr, each);
            if let Some(parameter) = &mut aggregate.param {
                visit(parameter, each);
            }
        }
        Expr::Unary(unary) => visit(&mut unary.expr, each),
        Expr::Binary(binary) => {
            visit(&mut binary.lhs, each);
            visit(&mut binary.rhs, each);
        }
        Expr::Paren(paren) => visit(&mut paren.expr, each),
        Expr::Subquery(subquery) => {
            visit(&mut subquery.expr, each);
            each(&mut subquery.range, Role::Range);
            if let Some(step) = &mut subquery.step {
                each(step, Role::Interval);
            }
            in_offset(&mut subquery.offset, each);
        }
        Expr::VectorSelector(selector) => in_offset(&mut selector.offset, each),
        Expr::MatrixSelector(matrix) => {
            each(&mut matrix.range, Role::Range);
            in_offset(&mut matrix.vs.offset, each);
        }
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| visit(argument, each)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}
