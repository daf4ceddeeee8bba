//! Native histograms: the same metrics once more, in the exporter crate that writes Prometheus's protobuf format.
//!
//! A scraper that asks for protobuf gets this page; everyone else gets classic buckets as text, because in text
//! a native histogram cannot be shown at all.

use std::time::Duration;

use metrics_exporter_prometheus::{
    Matcher, NativeHistogramConfig, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::InstallError;
use crate::metric::{Kind, Row};

/// Each bucket is at most this much wider than the one before: what Prometheus's own client libraries recommend.
const BUCKET_FACTOR: f64 = 1.1;

/// With more buckets than this a histogram widens them, so that none grows without bound.
const MOST_BUCKETS: u32 = 160;

/// Below this a value counts as zero: a tenth of a microsecond, or a tenth of a byte.
const ZERO: f64 = 1e-7;

/// The exporter keeps 16 bytes a sample until they are folded into buckets, so they are folded this often.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// The page for scrapers that read protobuf.
pub(super) struct Native(PrometheusHandle);

impl Native {
    /// Its recorder is to be installed beside the others. Needs a Tokio runtime.
    pub(super) fn build(rows: &[&'static Row]) -> Result<(Self, PrometheusRecorder), InstallError> {
        let mut builder = PrometheusBuilder::new();
        for row in rows.iter().filter(|row| row.kind == Kind::Histogram) {
            let config = NativeHistogramConfig::new(BUCKET_FACTOR, MOST_BUCKETS, ZERO).map_err(InstallError::Native)?;
            builder = builder.set_native_histogram_for_metric(Matcher::Full(row.name.to_owned()), config);
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let upkeep = handle.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP_EVERY);
            loop {
                ticks.tick().await;
                upkeep.run_upkeep();
            }
        });
        Ok((Self(handle), recorder))
    }

    /// Length-delimited `io.prometheus.client.MetricFamily` messages.
    pub(super) fn render(&self) -> Vec<u8> {
        self.0.render_protobuf()
    }
}
