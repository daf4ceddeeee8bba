//! Service level objectives: the generated files are current, and agree with the rules, tests and mutes around them.

use std::collections::BTreeSet;
use std::process::Command;

use promql_parser::label::MatchOp;
use serde_json::Value;

use super::monitoring::contract::Contract;
use super::monitoring::{Rule, dashboards, files, list, read, rules, selectors, text, yaml};

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const OBJECTIVES: &str = "infra/monitoring/slo/objectives.yml";
const GENERATED: [&str; 3] = ["rules/slo.yml", "tests/slo_pages_test.yml", "tests/slo_alerts_test.yml"];

fn objectives() -> Vec<Value> {
    list(&yaml(OBJECTIVES), "objectives").to_vec()
}

fn belfry(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).args(arguments).current_dir(PROJECT).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Rules other than the generated ones.
fn other_rules() -> Vec<Rule> {
    rules().into_iter().filter(|rule| !rule.place.contains("/slo.yml")).collect()
}

#[test]
fn rules_and_tests_are_those_of_the_objectives() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rules", "tests"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let into = folder.path().to_str().unwrap();
    let (written, said) = belfry(&["slo", "rules", "--prometheus", into]);
    assert!(written, "{said}");
    for name in GENERATED {
        let made = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(made == read(&format!("infra/monitoring/prometheus/{name}")), "{name} is old: run belfry slo rules");
    }
    let (current, said) = belfry(&["slo", "check"]);
    assert!(current && said.contains("objectives are valid"), "{said}");
}

#[test]
fn a_changed_file_and_a_wrong_objective_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rules", "tests"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let into = folder.path().to_str().unwrap();
    assert!(belfry(&["slo", "rules", "--prometheus", into]).0);
    let rules = folder.path().join(GENERATED[0]);
    let changed = std::fs::read_to_string(&rules).unwrap().replacen("14.4", "144", 1);
    std::fs::write(&rules, changed).unwrap();
    let (current, said) = belfry(&["slo", "check", "--prometheus", into]);
    assert!(!current && said.contains("rules/slo.yml is not what the objectives say"), "{said}");

    let wrong = folder.path().join("objectives.yml");
    std::fs::write(&wrong, read(OBJECTIVES).replacen("slower_than_seconds: 1", "slower_than_seconds: 0.7", 1)).unwrap();
    let (valid, said) = belfry(&["slo", "check", "--objectives", wrong.to_str().unwrap()]);
    let expected = "http-latency: slower_than_seconds: found 0.7, expected a bucket boundary";
    assert!(!valid && said.contains(expected), "{said}");
}

/// Whoever reads an objective elsewhere reads what was recorded of it.
#[test]
fn objectives_are_set_in_one_file() {
    let mut elsewhere: Vec<(String, String)> =
        dashboards().iter().map(|(name, dashboard)| (name.clone(), dashboard.to_string())).collect();
    elsewhere.extend(other_rules().into_iter().map(|rule| (rule.place, rule.body.to_string())));
    let named = elsewhere.len();
    elsewhere.extend(files("docs", "md").into_iter().map(|file| (file.clone(), read(&file))));
    for objective in objectives() {
        let percent = objective["objective"].as_f64().unwrap() * 100.0;
        let percent = format!("{percent:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
        for (index, (place, said)) in elsewhere.iter().enumerate() {
            let name = text(&objective, "name");
            assert!(index >= named || !said.contains(name), "{place} names {name}");
            let is_about_it =
                |line: &&str| ["objective", "slo", "budget"].iter().any(|word| line.to_lowercase().contains(word));
            for line in said.lines().filter(is_about_it) {
                let says = |number: String| line.contains(&number);
                assert!(!says(format!(" {percent} %")) && !says(format!(" {percent}%")), "{place} says {line}");
            }
        }
    }
    let recorded: BTreeSet<String> = other_rules().iter().filter_map(Rule::recorded).collect();
    assert!(!recorded.is_empty() && !recorded.iter().any(|name| name.contains("slo")), "{recorded:?}");
}

/// Probes, pages and transfers are left out by the same expressions as of the other alerts.
#[test]
fn requests_are_those_of_the_recording_rules() {
    let mut seen = 0;
    for objective in objectives().iter().filter(|objective| objective["except"]["endpoint"].is_string()) {
        seen += 1;
        let except = text(&objective["except"], "endpoint");
        let metric = text(objective, "metric");
        let found = other_rules().iter().filter(|rule| rule.recorded().is_some()).any(|rule| {
            selectors(&rule.expr()).unwrap().iter().any(|selector| {
                let is_same = |matcher: &promql_parser::label::Matcher| {
                    matcher.name == "endpoint" && matches!(matcher.op, MatchOp::NotRe(_)) && matcher.value == except
                };
                selector.metric.starts_with(metric) && selector.matchers.iter().any(is_same)
            })
        });
        assert!(found, "no recording rule of {metric} leaves out {except}");
    }
    assert_eq!(seen, 2, "objectives of requests");
}

/// Each outcome that there is counts as good, as an error, or, where it is the client's doing, not at all.
#[test]
fn outcomes_are_classified_as_the_pages_say() {
    let classes = [
        ("belfry_uploads_total", &["stored"][..], &["failed"][..], &["rejected", "too_large", "cancelled"][..]),
        (
            "belfry_training_runs_total",
            &["completed"],
            &["timed_out", "panicked", "out_of_memory", "crashed", "interrupted"],
            &["failed", "cancelled"],
        ),
    ];
    let (contract, objectives) = (Contract::read(), objectives());
    for (metric, good, errors, of_clients) in classes {
        let objective = objectives.iter().find(|objective| objective["metric"] == metric).unwrap();
        let values = |pattern: &str| pattern.split('|').map(str::to_owned).collect::<BTreeSet<_>>();
        let set = |lists: &[&[&str]]| lists.concat().iter().map(|&value| value.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(values(text(&objective["only"], "outcome")), set(&[good, errors]), "{metric}: events");
        assert_eq!(values(text(&objective["errors"], "outcome")), set(&[errors]), "{metric}: errors");
        let known = contract.catalogue[metric].labels["outcome"].clone().unwrap();
        assert_eq!(known, set(&[good, errors, of_clients]), "{metric}: an outcome that is not classified");
    }
}

/// Names of tiers, the fastest first, as the rules have them.
fn tiers() -> Vec<String> {
    let mut tiers = Vec::new();
    for rule in rules() {
        let tier = text(&rule.body["labels"], "burn_tier").to_owned();
        if !tier.is_empty() && !tiers.contains(&tier) {
            tiers.push(tier);
        }
    }
    assert_eq!(tiers.len(), 4, "{tiers:?}");
    tiers
}

#[test]
fn each_tier_of_each_objective_has_a_test_in_which_it_fires() {
    let mut fire = BTreeSet::new();
    for file in files("infra/monitoring/prometheus/tests", "yml") {
        for test in list(&yaml(&file), "tests") {
            let cases = list(test, "alert_rule_test").iter().flat_map(|case| list(case, "exp_alerts"));
            fire.extend(cases.map(|alert| {
                let labels = &alert["exp_labels"];
                (text(labels, "slo").to_owned(), text(labels, "burn_tier").to_owned())
            }));
        }
    }
    for objective in objectives() {
        for tier in tiers() {
            let name = text(&objective, "name").to_owned();
            assert!(fire.contains(&(name.clone(), tier.clone())), "{name} in tier {tier} never fires");
        }
    }
}

/// Of one objective and service a tier mutes every slower one, and no faster one.
#[test]
fn a_faster_tier_mutes_the_slower_ones() {
    let alertmanager = yaml("infra/monitoring/alertmanager/alertmanager.yml");
    let tiers = tiers();
    let mut muted = BTreeSet::new();
    for rule in list(&alertmanager, "inhibit_rules") {
        let matcher = |key: &str| list(rule, key)[0].as_str().unwrap_or_default().to_owned();
        let Some(source) = matcher("source_matchers").strip_prefix("burn_tier=").map(str::to_owned) else { continue };
        let target = matcher("target_matchers");
        let target = target.trim_start_matches("burn_tier=").trim_start_matches('~');
        assert_eq!(rule["equal"], serde_json::json!(["job", "slo"]), "{source}");
        for name in target.trim_matches('"').split('|') {
            muted.insert((source.trim_matches('"').to_owned(), name.to_owned()));
        }
    }
    let slower = tiers
        .iter()
        .enumerate()
        .flat_map(|(index, fast)| tiers[index + 1..].iter().map(move |slow| (fast.clone(), slow.clone())));
    assert_eq!(muted, slower.collect::<BTreeSet<_>>());
}
