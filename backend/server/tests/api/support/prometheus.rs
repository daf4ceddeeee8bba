//! A real Prometheus, where the machine has one.

use belfry_test_support::ports::free_port;

use crate::api::support::skipping::skipped;

/// Whether a test that needs one is skipped.
pub fn there_is_no_prometheus() -> bool {
    let is_missing = std::process::Command::new("prometheus").arg("--version").output().is_err();
    if is_missing {
        skipped("there is no prometheus on this machine");
    }
    is_missing
}

/// A real Prometheus that scrapes `target` as job `backend` each second; its process ends with the value.
pub struct Prometheus {
    /// Where it is asked.
    pub url: String,
    process: std::process::Child,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one.
    pub fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = target.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: backend\n  static_configs:\n  - targets: ['{target}']\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let process = std::process::Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Self { url: format!("http://127.0.0.1:{port}"), process, _folder: folder }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
