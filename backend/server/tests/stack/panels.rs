//! Every panel shows something, idle and loaded, or says in `dashboards/allowed-empty.yml` why not; and what the panels of logs
//! search for is what the service sends.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use belfry_test_support::{eventually, loki::Receiver};
use serde_json::Value;

use super::dashboards::{self, AllowedEmpty, Query};
use super::has_a_number;
use super::running::{Stack, project_root};
use crate::contracts::monitoring::{list, read};

const NOW: Duration = Duration::ZERO;

/// How long panels may take to have data.
const FILLED_WITHIN: Duration = Duration::from_secs(60);

/// What a screen holds; more lines than these nobody tells apart.
const MOST_SERIES: usize = 12;

/// Panels that show every series in a place of its own.
const ROOMY: [&str; 4] = ["table", "heatmap", "status-history", "bargauge"];

/// How one query went: a fault, or how many series it returned and whether one has a number.
struct Answered {
    series: usize,
    has_data: bool,
    fault: Option<String>,
}

async fn ask(stack: &Stack, query: &Query, before: Duration) -> Answered {
    let before = if query.instant { NOW } else { before };
    match stack.query(&query.expression, before).await {
        Err(error) => Answered { series: 0, has_data: false, fault: Some(error) },
        Ok(series) => Answered { series: series.len(), has_data: series.iter().any(has_a_number), fault: None },
    }
}

/// What is wrong with the answers to all queries, and the places that were empty. A rate over the last minute has a gap where
/// a busy machine was late with a scrape, so what is faulty is asked again, for a minute.
async fn prove(
    stack: &Stack,
    queries: &[Query],
    before: Duration,
    may_be_empty: impl Fn(&Query) -> bool,
) -> (Vec<String>, BTreeSet<usize>) {
    let started = Instant::now();
    let mut empty = BTreeSet::new();
    let mut asked: Vec<usize> = (0..queries.len()).collect();
    loop {
        let mut faults = Vec::new();
        for index in asked {
            let query = &queries[index];
            let answered = ask(stack, query, before).await;
            if answered.has_data {
                empty.remove(&index);
            } else {
                empty.insert(index);
            }
            if let Some(fault) = fault(&answered, query, &may_be_empty) {
                faults.push((index, format!("{}: {fault}\n    {}", query.place, query.expression)));
            }
        }
        if faults.is_empty() || started.elapsed() > FILLED_WITHIN {
            return (faults.into_iter().map(|(_, fault)| fault).collect(), empty);
        }
        asked = faults.into_iter().map(|(index, _)| index).collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

fn fault(answered: &Answered, query: &Query, may_be_empty: impl Fn(&Query) -> bool) -> Option<String> {
    match answered {
        Answered { fault: Some(fault), .. } => Some(fault.clone()),
        Answered { has_data: false, .. } if !may_be_empty(query) => Some("no data".to_owned()),
        Answered { series, .. }
            if *series > MOST_SERIES && !ROOMY.contains(&query.kind.as_str()) && !query.kind.is_empty() =>
        {
            Some(format!("{series} series, more than {MOST_SERIES}"))
        }
        _ => None,
    }
}

/// Declarations for places that were never empty when they might have been.
fn stale<'e>(
    entries: &'e [Value],
    queries: &'e [Query],
    empty: &'e BTreeSet<usize>,
) -> impl Iterator<Item = String> + 'e {
    let is_needed = |entry: &Value| {
        // A query of logs goes to Loki, which this stack does not have.
        let named: Vec<usize> = (0..queries.len()).filter(|index| queries[*index].place.is_named_by(entry)).collect();
        named.is_empty() || entry["sometimes"] == true || named.iter().any(|index| empty.contains(index))
    };
    entries.iter().filter(move |entry| !is_needed(entry)).map(|entry| format!("{entry}: is not empty; take it out"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts the native stack: ./run.sh test"]
async fn every_panel_has_data_idle_and_loaded() {
    let (loki, url) = Receiver::start().await;
    let mut stack = Stack::prepared();
    stack.set("LOKI__ENABLED", "true");
    stack.set("LOKI__URL", &url);
    // The machine that the tests run on may be full.
    stack.set("ALERTS__THRESHOLD_DISK", "98");
    stack.set("ALERTS__THRESHOLD_MEMORY", "98");
    stack.set("BILLING__WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    stack.start();
    let queries = dashboards::queries();
    let allowed = AllowedEmpty::read();
    assert!(queries.len() > 250, "only {} queries", queries.len());

    // A rate needs two scrapes of each target, the probe of /metrics every 30 s among them, and what rules record over days is
    // recorded each minute.
    eventually("every target is scraped twice, and every rule evaluated", Duration::from_secs(180), async || {
        let twice = stack.query("count(count_over_time(up[5m]) >= 2) == count(up)", NOW).await.ok()?;
        let ruled = stack.query("instance_device:node_filesystem_avail:ratio", NOW).await.ok()?;
        let over_days = stack.query("job_slo:slo_events:rate30d", NOW).await.ok()?;
        (!twice.is_empty() && !ruled.is_empty() && !over_days.is_empty()).then_some(())
    })
    .await;
    let (mut faults, empty) =
        prove(&stack, &queries, Duration::from_secs(45), |query| allowed.holds_idle(&query.place)).await;
    faults.iter_mut().for_each(|fault| fault.insert_str(0, "idle: "));
    faults.extend(stale(&allowed.without_traffic, &queries, &empty));

    faults.extend(browser_faults(&stack, "1", &["dashboards"]));

    let demo = stack.run(&["demo", "--for", "60s", "--billing"]);
    if !demo.succeeded {
        faults.push(demo.text);
    }
    let (loaded, empty) = prove(&stack, &queries, Duration::from_secs(90), |query| allowed.holds(&query.place)).await;
    faults.extend(loaded);
    faults.extend(stale(&allowed.always, &queries, &empty));
    faults.extend(missing_names(&loki));
    faults.extend(browser_faults(&stack, "", &[]));
    assert!(faults.is_empty(), "{} faults, {} queries:\n{}", faults.len(), queries.len(), faults.join("\n"));
}

/// Opens the pages in a real browser, as `viewer/tests/browser` says; `idle` is `1` while nothing happens, and `parts` choose
/// files of tests. What drives the browser is installed by `./run.sh test`.
fn browser_faults(stack: &Stack, idle: &str, parts: &[&str]) -> Option<String> {
    let mut command = Command::new("node");
    command.arg("tests/browser/run.mjs").arg("--url").arg(stack.url("backend", "")).args(parts);
    command.current_dir(project_root().join("viewer")).env("VIEWER_IDLE", idle).stdin(Stdio::null());
    let output = command.output().expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    (!output.status.success()).then(|| format!("in a browser, idle={idle:?}: see its output above"))
}

/// Labels of streams and fields of lines that LogQL on the dashboards names, and that nothing sent had. That it names no
/// others is tested with the grammar, in `scripts/dashboards`.
fn missing_names(loki: &Receiver) -> Vec<String> {
    let known: Value = serde_json::from_str(&read("scripts/dashboards/log-fields.json")).expect("a list of names");
    let lines = loki.lines();
    let keys = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.replace('.', "_")).collect();
    let labels: BTreeSet<String> = lines.iter().flat_map(|(stream, _)| -> Vec<String> { keys(stream) }).collect();
    let fields: BTreeSet<String> = lines.iter().flat_map(|(_, line)| -> Vec<String> { keys(line) }).collect();
    let missing = |key: &str, found: &BTreeSet<String>, what: &str| -> Vec<String> {
        let names = list(&known, key).iter().filter_map(Value::as_str).filter(|name| !found.contains(*name));
        names
            .map(|name| format!("scripts/dashboards/log-fields.json: {} lines, and no {what} {name}", lines.len()))
            .collect()
    };
    [missing("labels", &labels, "stream has the label"), missing("fields", &fields, "line has the field")].concat()
}
