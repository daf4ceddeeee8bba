//! A scratch copy of the monitoring: Prometheus, Alertmanager and the receiver, on free ports, in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::programs::{ALERTMANAGER, PROMETHEUS, Running, free_port};
use super::receiver::Receiver;
use super::shorten::{self, Role, TICK, shortened, written};

/// How long a program may take to start, on a machine that has much to do.
const START_LIMIT: Duration = Duration::from_secs(180);

/// How often is asked for what is waited for.
const POLL: Duration = Duration::from_millis(100);

/// Alertmanager needs some time between two notifications.
const LEAST_GROUP_INTERVAL: Duration = Duration::from_millis(100);

/// Prometheus's defaults of flags that are times, which are shortened with the rules.
const LOOKBACK: Duration = Duration::from_secs(300);
const RESEND_DELAY: Duration = Duration::from_secs(60);

/// The running monitoring; ended when dropped.
pub struct Stack {
    /// Takes the notifications.
    pub receiver: Receiver,
    /// Its Prometheus.
    pub prometheus: Running,
    /// Its Alertmanager.
    pub alertmanager: Running,
    /// Where Prometheus is.
    pub prometheus_url: String,
    /// Where Alertmanager is.
    pub alertmanager_url: String,
    /// A client for both.
    pub client: reqwest::Client,
    folder: TempDir,
}

/// A folder and addresses for a stack, before its programs run.
pub struct Place {
    /// The folder.
    pub folder: TempDir,
    /// The receiver, which runs already.
    pub receiver: Receiver,
    /// Where Prometheus will be: host and port.
    pub prometheus: String,
    /// Where Alertmanager will be.
    pub alertmanager: String,
    /// What times are divided by.
    pub factor: u32,
}

impl Place {
    /// A new one.
    pub async fn new(factor: u32) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::Builder::new().prefix("belfry-drill-").tempdir()?,
            receiver: Receiver::start().await?,
            prometheus: format!("127.0.0.1:{}", free_port()?),
            alertmanager: format!("127.0.0.1:{}", free_port()?),
            factor,
        })
    }

    /// Writes shortened copies of rule files.
    pub fn write_rules(&self, files: &[PathBuf]) -> anyhow::Result<()> {
        let folder = self.folder.path().join("rules");
        std::fs::create_dir_all(&folder)?;
        for file in files {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let short = shorten::rules(&text, self.factor).with_context(|| file.display().to_string())?;
            std::fs::write(folder.join(file.file_name().context("a rule file has a name")?), short)?;
        }
        Ok(())
    }

    /// Writes the configuration of a Prometheus that scrapes the receiver's page alone.
    pub fn write_replay_configuration(&self) -> anyhow::Result<()> {
        let evaluation = shortened(Duration::from_secs(15), Role::Interval, self.factor);
        let configuration = json!({
            "global": {
                "scrape_interval": written(TICK),
                "scrape_timeout": written(TICK),
                "evaluation_interval": written(evaluation),
            },
            "rule_files": ["rules/*.yml"],
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [self.alertmanager] }] }] },
            "scrape_configs": [{
                "job_name": "drill",
                "honor_labels": true,
                "static_configs": [{ "targets": [self.receiver.address.to_string()] }],
            }],
        });
        // JSON is YAML.
        Ok(std::fs::write(self.folder.path().join("prometheus.yml"), configuration.to_string())?)
    }

    /// Writes Alertmanager's shipped configuration, its times shortened, with the drill behind each of its receivers, also behind
    /// those that notify nobody.
    pub fn write_alertmanager_configuration(&self, shipped: &Path, more: &[Value]) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
        let mut configuration: Value =
            yaml_serde::from_str(&text).with_context(|| format!("{} is not YAML", shipped.display()))?;
        shorten_route(&mut configuration["route"], self.factor)?;
        for receiver in configuration["receivers"].as_array_mut().context("found no list `receivers`")? {
            let name = receiver["name"].as_str().context("found a receiver without a name")?;
            let mut webhooks =
                vec![json!({ "url": self.receiver.url(&format!("/receivers/{name}")), "send_resolved": true })];
            webhooks.extend_from_slice(more);
            *receiver = json!({ "name": name, "webhook_configs": webhooks });
        }
        if let Some(sections) = configuration.as_object_mut() {
            // The texts of other receivers.
            sections.remove("templates");
        }
        Ok(std::fs::write(self.folder.path().join("alertmanager.yml"), configuration.to_string())?)
    }

    /// Starts Prometheus and Alertmanager on what was written, and waits until every target was scraped and every rule evaluated.
    pub async fn start(self) -> anyhow::Result<Stack> {
        let folder = self.folder.path();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let alertmanager = Running::start(
            "alertmanager",
            &ALERTMANAGER.find()?,
            &words(&[
                "--config.file=alertmanager.yml",
                "--storage.path=alertmanager",
                "--cluster.listen-address=",
                &format!("--web.listen-address={}", self.alertmanager),
            ]),
            &[],
            folder,
        )?;
        let prometheus = Running::start(
            "prometheus",
            &PROMETHEUS.find()?,
            &words(&[
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=prometheus",
                &format!("--web.listen-address={}", self.prometheus),
                &format!("--query.lookback-delta={}", written(shortened(LOOKBACK, Role::Range, self.factor))),
                &format!("--rules.alert.resend-delay={}", written(shortened(RESEND_DELAY, Role::Range, self.factor))),
            ]),
            &[],
            folder,
        )?;
        let mut stack = Stack {
            receiver: self.receiver,
            prometheus,
            alertmanager,
            prometheus_url: format!("http://{}", self.prometheus),
            alertmanager_url: format!("http://{}", self.alertmanager),
            client: belfry_telemetry::tls::http_client().timeout(Duration::from_secs(10)).build()?,
            folder: self.folder,
        };
        let begin = Instant::now();
        while !stack.is_ready().await {
            stack.prometheus.require_alive()?;
            stack.alertmanager.require_alive()?;
            ensure!(
                begin.elapsed() < START_LIMIT,
                "Prometheus and Alertmanager were not ready within {} s",
                START_LIMIT.as_secs()
            );
            sleep(POLL).await;
        }
        Ok(stack)
    }
}

impl Stack {
    /// The folder of everything it writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What Prometheus answers to a query: series with `metric`, and `value` or `values`.
    pub async fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let url =
            url::Url::parse_with_params(&format!("{}/api/v1/query", self.prometheus_url), [("query", expression)])?;
        let answer: Value = self.client.get(url).send().await?.json().await?;
        match answer["data"]["result"].as_array() {
            Some(series) => Ok(series.clone()),
            None => bail!("Prometheus answers to {expression}: {answer}"),
        }
    }

    /// `GET` of a JSON document.
    pub async fn json(&self, url: &str) -> anyhow::Result<Value> {
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    async fn is_ready(&self) -> bool {
        let ready = format!("{}/-/ready", self.alertmanager_url);
        if !self.client.get(ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return false;
        }
        let Ok(rules) = self.json(&format!("{}/api/v1/rules", self.prometheus_url)).await else { return false };
        let mut groups = rules["data"]["groups"].as_array().into_iter().flatten().peekable();
        // A group that was never evaluated has the first moment of the calendar.
        let evaluated = |group: &Value| !group["lastEvaluation"].as_str().unwrap_or("0001").starts_with("0001");
        groups.peek().is_some() && groups.all(evaluated) && self.all_targets_are_up().await
    }

    /// Whether Prometheus has scraped every target, which takes it some seconds after its start.
    async fn all_targets_are_up(&self) -> bool {
        let url = format!("{}/api/v1/targets?state=active", self.prometheus_url);
        let Ok(targets) = self.json(&url).await else { return false };
        let mut targets = targets["data"]["activeTargets"].as_array().into_iter().flatten().peekable();
        targets.peek().is_some() && targets.all(|target| target["health"] == "up")
    }
}

/// Waits until a condition holds; what it is names it in the error.
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> F,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !holds().await {
        ensure!(begin.elapsed() < limit, "not within {} s: {what}", limit.as_secs());
        sleep(POLL).await;
    }
    Ok(())
}

fn shorten_route(route: &mut Value, factor: u32) -> anyhow::Result<()> {
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        let Some(text) = route[key].as_str() else { continue };
        let short = shortened(shorten::parse(text).with_context(|| format!("`{key}` of a route"))?, Role::Span, factor);
        let least = if key == "group_wait" { Duration::ZERO } else { LEAST_GROUP_INTERVAL };
        route[key] = written(short.max(least)).into();
    }
    for route in route["routes"].as_array_mut().into_iter().flatten() {
        shorten_route(route, factor)?;
    }
    Ok(())
}
