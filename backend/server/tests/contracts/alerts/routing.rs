//! What Alertmanager does with each alert, as amtool says, and what mutes what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::alerts;
use crate::contracts::monitoring::contract::Contract;
use crate::contracts::monitoring::{Rule, list, text, yaml};

const FILE: &str = "infra/monitoring/alertmanager/alertmanager.yml";

/// The values that a list of matchers allows for `label`; none if it does not name it.
fn values(matchers: &Value, label: &str) -> Option<BTreeSet<String>> {
    matchers.as_array().into_iter().flatten().find_map(|matcher| {
        let matcher = matcher.as_str()?;
        let (name, value) = matcher.split_once("=~").or_else(|| matcher.split_once('='))?;
        (name == label).then(|| value.trim_matches('"').split('|').map(str::to_owned).collect())
    })
}

/// The labels that an alert has, with those that its rule adds.
fn labels(contract: &Contract, rule: &Rule) -> Option<BTreeSet<String>> {
    let series = contract.evaluate(&rule.expr()).0?;
    let own = rule.body["labels"].as_object().into_iter().flatten().map(|(label, _)| label.clone());
    Some(series.labels?.into_keys().chain(own).collect())
}

#[test]
fn a_cause_mutes_symptoms_that_share_its_labels() {
    let (alerts, contract) = (alerts(), Contract::read());
    let labels: BTreeMap<&str, Option<BTreeSet<String>>> =
        alerts.iter().map(|(name, rule)| (name.as_str(), labels(&contract, rule))).collect();
    let file = yaml(FILE);
    let inhibit_rules = list(&file, "inhibit_rules");
    assert!(inhibit_rules.len() > 10, "{inhibit_rules:?}");
    let mut faults = Vec::new();
    for rule in inhibit_rules {
        let sources = values(&rule["source_matchers"], "alertname").unwrap_or_default();
        let targets = values(&rule["target_matchers"], "alertname").unwrap_or_default();
        let equal: Vec<&str> = list(rule, "equal").iter().filter_map(Value::as_str).collect();
        let mut fault = |what: String| faults.push(format!("{sources:?} mutes: {what}"));
        // Of one error budget the faster tier mutes the slower ones, whatever their names.
        if let Some(tiers) = values(&rule["source_matchers"], "burn_tier") {
            let slower = values(&rule["target_matchers"], "burn_tier").unwrap_or_default();
            if equal != ["job", "slo"] || tiers.len() != 1 || slower.is_empty() || !tiers.is_disjoint(&slower) {
                fault(format!("tier {tiers:?} mutes {slower:?}, with equal {equal:?}"));
            }
            continue;
        }
        if sources.is_empty() || targets.is_empty() {
            fault("both sides must name alerts".to_owned());
        }
        if equal.is_empty() {
            fault("without equal labels it mutes these alerts of every service and machine".to_owned());
        }
        for both in sources.intersection(&targets) {
            fault(format!("{both} would mute itself"));
        }
        for name in sources.iter().chain(&targets) {
            match labels.get(name.as_str()) {
                None => fault(format!("{name} is no alert")),
                Some(Some(labels)) => {
                    for label in equal.iter().filter(|label| !labels.contains(**label)) {
                        fault(format!("{name} has no label {label}, so it counts as empty"));
                    }
                }
                // Watchdog has none of its own, and its rule is no expression of series.
                Some(None) => fault(format!("the labels of {name} are not known")),
            }
        }
        // Critical alerts wake somebody: only one that does so as well may take their place.
        let is_critical =
            |name: &String| alerts.get(name).is_some_and(|rule| text(&rule.body["labels"], "severity") == "critical");
        for target in targets.iter().filter(|target| is_critical(target)) {
            if !sources.iter().all(is_critical) {
                fault(format!("{target} is critical, and what mutes it is not"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// amtool of the system, or the one that `./run.sh` has unpacked.
fn amtool(root: &Path) -> Option<Command> {
    let unpacked = root.join(".belfry/tools/usr/bin/amtool");
    let paths = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&paths).map(|folder| folder.join("amtool")).chain([unpacked]).find(|path| path.exists());
    found.map(Command::new)
}

#[test]
fn every_alert_goes_to_the_receiver_of_its_severity() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut asked = BTreeSet::new();
    for (name, rule) in alerts() {
        let severity = text(&rule.body["labels"], "severity");
        let (name, expected) = if name == "Watchdog" { (name.as_str(), "watchdog") } else { ("", severity) };
        if !asked.insert((name.to_owned(), severity.to_owned())) {
            continue;
        }
        assert_eq!(receiver(&root, &[("alertname", name), ("severity", severity)]), expected);
    }
    assert_eq!(asked.len(), 4, "three severities and Watchdog: {asked:?}");
    assert_eq!(receiver(&root, &[("severity", "unheard_of")]), "unrouted");
}

/// The receiver of an alert with these labels.
fn receiver(root: &Path, labels: &[(&str, &str)]) -> String {
    let Some(mut amtool) = amtool(root) else {
        return route(&yaml(FILE)["route"], labels).unwrap_or_default();
    };
    let labels = labels.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}"));
    let output =
        amtool.current_dir(root).args(["config", "routes", "test", "--config.file", FILE]).args(labels).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The same from the file, where there is no amtool: the first child that matches, else the route itself.
fn route(route: &Value, labels: &[(&str, &str)]) -> Option<String> {
    let matches = |child: &&Value| {
        labels
            .iter()
            .any(|(name, value)| values(&child["matchers"], name).is_some_and(|allowed| allowed.contains(*value)))
    };
    let child = list(route, "routes").iter().find(matches).unwrap_or(route);
    Some(text(child, "receiver").to_owned())
}

#[test]
fn the_file_is_read_as_amtool_reads_it() {
    let file = yaml(FILE);
    let expected = [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("odd", "unrouted")];
    for (severity, receiver) in expected {
        assert_eq!(route(&file["route"], &[("severity", severity)]).as_deref(), Some(receiver));
    }
    assert_eq!(route(&file["route"], &[("alertname", "Watchdog"), ("severity", "info")]).as_deref(), Some("watchdog"));
}
