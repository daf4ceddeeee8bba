//! The services that real faults are injected into: a backend and the blackbox exporter that probes it, scraped by the shipped
//! configuration of Prometheus.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::programs::{BLACKBOX_EXPORTER, Running, free_port};
use super::stack::{Place, eventually};

/// How often Prometheus scrapes here. A service that is busy must be able to answer within that time.
const SCRAPE_INTERVAL: &str = "1s";

/// How often rules are evaluated: the shipped 15 s divided by the faults' factor.
const EVALUATION_INTERVAL: &str = "500ms";

/// How long a service may take to start, on a machine that has much to do.
const START_LIMIT: Duration = Duration::from_secs(180);

/// A table that trains quickly.
pub const IRIS: &str = include_str!("../../../../data/iris.csv");

/// The services of one stack; ended when dropped.
pub struct Services {
    /// The backend.
    pub backend: Backend,
    /// The blackbox exporter.
    pub blackbox: Option<Running>,
    /// Stands for a StatsD agent.
    pub agent: Option<UdpSocket>,
    blackbox_port: u16,
    folder: PathBuf,
}

/// A backend of this very program.
pub struct Backend {
    /// The folder of its state.
    pub data: PathBuf,
    client: reqwest::Client,
    settings: Vec<(String, String)>,
    port: u16,
    running: Option<Running>,
    folder: PathBuf,
}

impl Services {
    /// Starts both, and writes the configuration of a Prometheus that watches them beside itself and Alertmanager.
    pub async fn start(place: &Place, rules: &Path, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let folder = place.folder.path().to_owned();
        let mut services = Self {
            backend: Backend::new(&folder, settings)?,
            blackbox: None,
            agent: None,
            blackbox_port: free_port()?,
            folder: folder.clone(),
        };
        services.write_prometheus_configuration(place, rules)?;
        let shipped = rules.join("../blackbox/blackbox.yml");
        std::fs::copy(&shipped, folder.join("blackbox.yml")).with_context(|| shipped.display().to_string())?;
        services.backend.start(&[]).await?;
        services.start_blackbox()?;
        Ok(services)
    }

    /// Starts the blackbox exporter.
    pub fn start_blackbox(&mut self) -> anyhow::Result<()> {
        let address = format!("--web.listen-address=127.0.0.1:{}", self.blackbox_port);
        let arguments = ["--config.file=blackbox.yml".to_owned(), address];
        let program = BLACKBOX_EXPORTER.find()?;
        self.blackbox = Some(Running::start("blackbox-exporter", &program, &arguments, &[], &self.folder)?);
        Ok(())
    }

    /// Kills the blackbox exporter.
    pub async fn kill_blackbox(&mut self) -> anyhow::Result<()> {
        match self.blackbox.take() {
            Some(mut running) => running.kill().await,
            None => Ok(()),
        }
    }

    /// The shipped configuration and targets, with the addresses and intervals of this stack. Parts that do not run here are left out.
    fn write_prometheus_configuration(&self, place: &Place, rules: &Path) -> anyhow::Result<()> {
        let addresses = [
            ("alertmanager:9093", place.alertmanager.clone()),
            ("localhost:9090", place.prometheus.clone()),
            ("blackbox-exporter:9115", format!("127.0.0.1:{}", self.blackbox_port)),
            ("backend:8000", format!("127.0.0.1:{}", self.backend.port)),
        ];
        let rendered = |text: &str| {
            let text = addresses.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
            let lines = text.lines().map(|line| match line.split_once(": ") {
                Some((key, _)) if key.contains("scrape_interval") || key.contains("scrape_timeout") => {
                    format!("{key}: {SCRAPE_INTERVAL}\n")
                }
                Some((key, _)) if key.trim() == "evaluation_interval" => format!("{key}: {EVALUATION_INTERVAL}\n"),
                _ => format!("{line}\n"),
            });
            lines.collect::<String>()
        };
        let main = std::fs::read_to_string(rules.join("prometheus.yml"))?;
        std::fs::write(self.folder.join("prometheus.yml"), rendered(&main))?;
        for part in ["targets", "targets/alertmanagers", "targets/probes", "targets/metrics-probes"] {
            let folder = self.folder.join(part);
            std::fs::create_dir_all(&folder)?;
            for entry in std::fs::read_dir(rules.join(part))? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default();
                let runs_here = !["loki.yml", "grafana.yml", "node-exporter.yml"].iter().any(|other| name == *other);
                if path.is_file() && runs_here {
                    std::fs::write(folder.join(name), rendered(&std::fs::read_to_string(&path)?))?;
                }
            }
        }
        Ok(())
    }
}

impl Backend {
    fn new(folder: &Path, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let (data, port) = (folder.join("data"), free_port()?);
        let own = [
            ("SERVER__PORT", port.to_string()),
            ("DATA__DIR", data.display().to_string()),
            ("APP__ENVIRONMENT", "drill".to_owned()),
            // A machine that is nearly full must not make every drill one of its disk.
            ("ALERTS__THRESHOLD_DISK", "98".to_owned()),
            ("ALERTS__THRESHOLD_MEMORY", "98".to_owned()),
        ];
        let settings = own.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // No connection may outlive the process it leads to.
        let client = belfry_telemetry::tls::http_client().pool_max_idle_per_host(0).timeout(Duration::from_secs(20));
        Ok(Self { data, client: client.build()?, settings, port, running: None, folder: folder.to_owned() })
    }

    /// Starts it with these settings besides its own, and waits until it is ready.
    pub async fn start(&mut self, more: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut settings = self.settings.clone();
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let program = std::env::current_exe()?;
        self.running = Some(Running::start("backend", &program, &["serve".to_owned()], &settings, &self.folder)?);
        eventually("the backend is ready", START_LIMIT, || async {
            self.get("/readyz").await.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await
        .or_else(|slow| self.running.as_mut().map_or(Ok(()), Running::require_alive).and(Err(slow)))
    }

    /// Kills it without warning.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.running.take() {
            Some(mut running) => running.kill().await,
            None => Ok(()),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// The value of one of its settings.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A request.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.request(Method::GET, path).send().await
    }

    /// `POST path` with JSON, which must succeed; what it answers.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json_of(self.request(Method::POST, path).json(body).send().await?).await
    }

    /// Uploads a table, to be kept as long as `query` says; its id.
    pub async fn upload(&self, table: &str, query: &str) -> anyhow::Result<String> {
        let request =
            self.request(Method::POST, &format!("/api/v1/datasets{query}")).header("content-type", "text/csv");
        id_of(&json_of(request.body(table.to_owned()).send().await?).await?)
    }

    /// Queues a run on the iris table; its id.
    pub async fn submit(&self, dataset: &str, algorithm: &str, params: &Value) -> anyhow::Result<String> {
        let run = json!({ "dataset_id": dataset, "target": "species", "algorithm": algorithm, "params": params });
        id_of(&self.post("/api/v1/runs", &run).await?)
    }
}

async fn json_of(response: Response) -> anyhow::Result<Value> {
    let (status, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await?;
    ensure!(status.is_success(), "the backend answers {status} at {url}: {text}");
    serde_json::from_str(&text).with_context(|| format!("the backend answers at {url}: {text}"))
}

fn id_of(answer: &Value) -> anyhow::Result<String> {
    Ok(answer["id"].as_str().with_context(|| format!("found no id in {answer}"))?.to_owned())
}
