//! The alerts of the rule files, and their tests for promtool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::notation::Series;
use super::shorten::{in_expression, parse};

/// An alert as its rule file has it.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// Its label `severity`.
    pub severity: String,
    /// How long its condition must hold.
    pub hold: Duration,
    /// How far back it looks, with the recording rules it uses.
    pub reach: Duration,
}

/// A test of promtool in which alerts fire.
#[derive(Clone, Debug)]
pub struct AlertTest {
    /// Where it is: file and name.
    pub name: String,
    /// The rule files it loads.
    pub rule_files: Vec<PathBuf>,
    /// The time between two values of a series.
    pub interval: Duration,
    /// Its series.
    pub series: Vec<Series>,
    /// What fires first of each alert, and when.
    pub firing: BTreeMap<String, (Duration, BTreeMap<String, String>)>,
}

/// Everything that a drill reads of the folder of Prometheus's configuration.
#[derive(Debug)]
pub struct RuleSet {
    /// The folder.
    pub folder: PathBuf,
    /// Its rule files.
    pub files: Vec<PathBuf>,
    /// Its alerts, in the order of the files.
    pub alerts: Vec<Alert>,
    /// Its tests.
    pub tests: Vec<AlertTest>,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    hold: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    #[serde(default)]
    rule_files: Vec<String>,
    tests: Vec<TestCase>,
}

#[derive(Deserialize)]
struct TestCase {
    name: Option<String>,
    interval: Option<String>,
    #[serde(default)]
    input_series: Vec<InputSeries>,
    #[serde(default)]
    alert_rule_test: Vec<Evaluation>,
}

#[derive(Deserialize)]
struct InputSeries {
    series: String,
    // Text, also where YAML by itself would read a number: `0x32` is 33 zeros and not 50.
    values: String,
}

#[derive(Deserialize)]
struct Evaluation {
    eval_time: String,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    exp_labels: BTreeMap<String, String>,
}

impl RuleSet {
    /// Reads `rules/*.yml` and `tests/*.yml` of a folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let files = yaml_files(&folder.join("rules"))?;
        ensure!(
            !files.is_empty(),
            "found no rules/*.yml in {}, expected the folder of prometheus.yml",
            folder.display()
        );
        let mut rules = Vec::new();
        for file in &files {
            let read: RuleFile = yaml_serde::from_str(&std::fs::read_to_string(file)?)
                .with_context(|| format!("{} is not a rule file", file.display()))?;
            rules.extend(read.groups.into_iter().flat_map(|group| group.rules));
        }
        let alerts = alerts(&rules)?;
        let mut tests = Vec::new();
        // Without tests there is nothing to replay.
        for file in yaml_files(&folder.join("tests")).unwrap_or_default() {
            tests.extend(read_tests(&file).with_context(|| format!("{} is not a file of tests", file.display()))?);
        }
        Ok(Self { folder: folder.to_owned(), files, alerts, tests })
    }

    /// The test in which this alert fires soonest.
    pub fn test_of(&self, alert: &str) -> Option<usize> {
        let firing = self.tests.iter().enumerate().filter_map(|(index, test)| Some((test.firing.get(alert)?.0, index)));
        firing.min().map(|(_, index)| index)
    }
}

fn yaml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<BTreeSet<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "yml")).collect())
}

fn alerts(rules: &[Rule]) -> anyhow::Result<Vec<Alert>> {
    let recorded: BTreeMap<&str, &str> =
        rules.iter().filter_map(|rule| Some((rule.record.as_deref()?, rule.expr.as_str()))).collect();
    let mut alerts: Vec<Alert> = Vec::new();
    for rule in rules {
        let Some(name) = rule.alert.clone() else { continue };
        // One alert may be several rules, as the burn rates of a budget are; what fires is one.
        if alerts.iter().any(|alert| alert.name == name) {
            continue;
        }
        alerts.push(Alert {
            severity: rule.labels.get("severity").cloned().unwrap_or_default(),
            hold: rule.hold.as_deref().map_or(Ok(Duration::ZERO), parse).with_context(|| format!("`for` of {name}"))?,
            reach: reach(&rule.expr, &recorded, 0).with_context(|| format!("in the expression of {name}"))?,
            name,
        });
    }
    Ok(alerts)
}

/// How far back an expression looks, at most.
fn reach(expression: &str, recorded: &BTreeMap<&str, &str>, depth: usize) -> anyhow::Result<Duration> {
    let own = in_expression(expression)?.iter().map(|found| found.length).max().unwrap_or_default();
    let names = expression.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ':')));
    let mut below = Duration::ZERO;
    // Recording rules are a few deep; more is a circle.
    for name in names.filter(|_| depth < 8) {
        if let Some(expression) = recorded.get(name) {
            below = below.max(reach(expression, recorded, depth + 1)?);
        }
    }
    Ok(own + below)
}

fn read_tests(file: &Path) -> anyhow::Result<Vec<AlertTest>> {
    let read: TestFile = yaml_serde::from_str(&std::fs::read_to_string(file)?)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let rule_files: Vec<PathBuf> = read.rule_files.iter().map(|rule_file| folder.join(rule_file)).collect();
    let mut tests = Vec::new();
    for case in read.tests {
        let mut firing: BTreeMap<String, (Duration, BTreeMap<String, String>)> = BTreeMap::new();
        for evaluation in case.alert_rule_test {
            let Some(expected) = evaluation.exp_alerts.first() else { continue };
            let at = parse(&evaluation.eval_time)?;
            let labels = expected.exp_labels.clone();
            if firing.get(&evaluation.alertname).is_none_or(|(sooner, _)| at < *sooner) {
                firing.insert(evaluation.alertname, (at, labels));
            }
        }
        if firing.is_empty() {
            continue;
        }
        let series = case.input_series.iter().map(|input| Series::parse(&input.series, &input.values));
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        tests.push(AlertTest {
            name: format!("{file_name}: {}", case.name.unwrap_or_default()),
            rule_files: rule_files.clone(),
            // Promtool's own default.
            interval: case.interval.as_deref().map_or(Ok(Duration::from_secs(60)), parse)?,
            series: series.collect::<anyhow::Result<_>>()?,
            firing,
        });
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "
rule_files: [../rules/a.yml]
tests:
  - name: one
    interval: 30s
    input_series:
      - {series: 'm{a=\"1\"}', values: 0x2}
      - {series: n, values: 5}
    alert_rule_test:
      - {eval_time: 4m, alertname: A, exp_alerts: []}
      - {eval_time: 9m, alertname: A, exp_alerts: [{exp_labels: {a: 2}}]}
      - {eval_time: 5m, alertname: A, exp_alerts: [{exp_labels: {a: 1}}]}
  - name: nothing fires
    alert_rule_test:
      - {eval_time: 4m, alertname: B, exp_alerts: []}
";

    #[test]
    fn a_test_is_read_with_what_fires_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a_test.yml");
        std::fs::write(&file, TESTS).unwrap();
        let [test] = &read_tests(&file).unwrap()[..] else { panic!("one test in which an alert fires") };
        assert_eq!((test.name.as_str(), test.interval), ("a_test.yml: one", Duration::from_secs(30)));
        assert_eq!(test.rule_files, [folder.path().join("../rules/a.yml")]);
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(test.firing, BTreeMap::from([("A".to_owned(), (Duration::from_secs(300), labels))]));
        // Not the number that YAML reads there.
        assert_eq!(test.series[0].values, [Some(0.0); 3]);
        assert_eq!(test.series[1].values, [Some(5.0)]);
    }

    #[test]
    fn an_alert_reaches_as_far_back_as_what_it_uses() {
        let recorded = BTreeMap::from([("job:a:rate1h", "rate(a[1h] offset 5m)"), ("job:b:ratio", "job:a:rate1h / 2")]);
        let reach = |expression| reach(expression, &recorded, 0).unwrap();
        assert_eq!(reach("job:b:ratio > 1 and max_over_time(c[10m]) > 0"), Duration::from_secs(4_200));
        assert_eq!(reach("up == 0"), Duration::ZERO);
    }
}
