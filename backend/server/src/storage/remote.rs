//! The client of an S3-compatible store.

use std::time::Duration;

use anyhow::Context;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::config::StorageConfig;

/// A request that gets no byte for this long has failed.
const REMOTE_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A store that is away is reported within this time rather than in minutes.
const REMOTE_RETRIES: Duration = Duration::from_secs(10);

/// Opens the one that `STORAGE__URL` names. No request is made yet.
pub(super) fn open(config: &StorageConfig) -> anyhow::Result<PrefixStore<AmazonS3>> {
    let url: url::Url = config.url.parse().context("STORAGE__URL: expected s3://bucket/prefix")?;
    let bucket =
        url.host_str().filter(|bucket| !bucket.is_empty()).context("STORAGE__URL: expected a bucket's name")?;
    let client = ClientOptions::new()
        // A transfer may take as long as it needs; only an idle one is aborted.
        .with_timeout_disabled()
        .with_read_timeout(REMOTE_READ_TIMEOUT)
        .with_allow_http(config.endpoint.starts_with("http://"));
    let retries = RetryConfig { max_retries: 5, retry_timeout: REMOTE_RETRIES, backoff: BackoffConfig::default() };
    // For the client inside.
    belfry_telemetry::tls::install_provider();
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_client_options(client)
        .with_retry(retries);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(&config.endpoint);
    }
    // Both or neither is set: config/check.rs.
    if !config.access_key_id.is_empty() {
        let (id, secret) = (config.access_key_id.expose(), config.secret_access_key.expose());
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    let store = builder.build().context("cannot open the file store")?;
    Ok(PrefixStore::new(store, url.path()))
}
