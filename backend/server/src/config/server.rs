//! `APP__*` and `SERVER__*`: which server this is, where it listens, and how it ends.

use std::net::IpAddr;
use std::time::Duration;

use belfry_telemetry::settings::{self, between, duration_between};
use clap::Args;

use super::limits::LimitsConfig;

/// The fewest threads for blocking work with which the server does all it does.
pub const LEAST_BLOCKING_THREADS: usize = 8;

/// `APP__*`
#[derive(Args, Clone, Debug)]
pub struct AppConfig {
    /// Where this runs, as a label: production, staging, development.
    #[arg(id = "APP__ENVIRONMENT", default_value = "production", value_parser = settings::name_up_to(64))]
    pub environment: String,
    /// Which server this is, as the label `instance` of its log lines and spans; unset: the machine's name and SERVER__PORT.
    #[arg(id = "APP__INSTANCE", default_value = "", value_parser = instance)]
    pub instance: String,
}

/// `SERVER__*`
#[derive(Args, Clone, Debug)]
pub struct ServerConfig {
    /// Address to listen on.
    #[arg(id = "SERVER__HOST", default_value = "127.0.0.1", value_parser = address)]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(id = "SERVER__PORT", default_value = "8000", value_parser = between(0_u16, u16::MAX))]
    pub port: u16,
    /// Time from SIGTERM to the end of the process: requests and runs in flight may go on for most of it.
    #[arg(id = "SERVER__SHUTDOWN_GRACE", default_value = "15s", value_parser = duration_between("100ms", "1h"))]
    pub shutdown_grace: Duration,
    /// Time before that in which everything is still served and `/readyz` answers 503, for a load balancer to notice.
    #[arg(id = "SERVER__DRAIN", default_value = "0s", value_parser = duration_between("0s", "1h"))]
    pub drain: Duration,
    /// Threads for blocking work, such as files and predictions; further work waits for one. Fewer where the process limit of
    /// the container needs it.
    #[arg(id = "SERVER__BLOCKING_THREADS", default_value = "64", value_parser = between(LEAST_BLOCKING_THREADS, 512))]
    pub blocking_threads: usize,
    /// What clients may cost.
    #[command(flatten)]
    pub limits: LimitsConfig,
}

impl ServerConfig {
    /// Whole seconds from SIGTERM to the end of the process, at the most.
    pub fn shutdown_seconds(&self) -> u64 {
        let whole = self.drain + self.shutdown_grace;
        whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
    }
}

fn instance(text: &str) -> Result<String, String> {
    let fits = text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("up to 100 visible ASCII characters, such as belfry-1:8000".to_owned()) }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "an IP address such as 127.0.0.1 or 0.0.0.0".to_owned())
}
