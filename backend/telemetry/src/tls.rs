//! Cryptography for TLS: one provider for every client of the process, ring, which builds in a quarter of the time of
//! aws-lc and serves all of sqlx, reqwest and object_store.

use rustls::crypto::ring;

/// Makes ring the provider of the process unless it has one. Must come before the first client of reqwest, which panics
/// without a provider even if it never speaks TLS.
///
/// ```
/// belfry_telemetry::tls::install_provider();
/// // Now a client of reqwest that is built elsewhere does not panic.
/// let client = reqwest::Client::new();
/// # drop(client);
/// ```
pub fn install_provider() {
    // An error says that there is one already, which then stays.
    let _ = ring::default_provider().install_default();
}

/// The builder of an HTTP client, with a provider in place.
///
/// ```
/// let builder = belfry_telemetry::tls::http_client();
/// let client = builder.timeout(std::time::Duration::from_secs(5)).build()?;
/// # drop(client);
/// # Ok::<(), reqwest::Error>(())
/// ```
pub fn http_client() -> reqwest::ClientBuilder {
    install_provider();
    reqwest::Client::builder()
}
