//! What a service asks of running telemetry: its router observed, its page, and readings of its own.

use super::Telemetry;
use crate::exposition;
use crate::http;
use crate::metric;
use crate::registry;
use crate::sample;

impl Telemetry {
    /// The value of `app_start_time_seconds`, which tells this process from every other.
    pub fn started(&self) -> f64 {
        self.started
    }

    /// Has `mask` applied to what clients choose freely and spans show: paths and unknown methods. For a service whose clients may put
    /// a secret there by mistake. It runs only for requests with a span that is exported.
    ///
    /// ```no_run
    /// # fn run(telemetry: belfry_telemetry::Telemetry, api: axum::Router) {
    /// let telemetry = telemetry.mask_paths(|path| path.replace("secret", "***").into());
    /// let router = telemetry.observe(api);
    /// # drop(router);
    /// # }
    /// ```
    #[must_use]
    pub fn mask_paths(mut self, mask: http::Mask) -> Self {
        self.mask = Some(mask);
        self
    }

    /// The router with its requests measured, identified and traced, its panics caught, and `GET /metrics` added.
    /// Call it last, so that unmatched requests are measured too. With metrics off nothing is measured.
    ///
    /// A `GET /metrics` that the router has already stays, with a warning: serve [`routes`](Self::routes) elsewhere then, as
    /// with `Router::nest("/internal", telemetry.routes())`.
    pub fn observe(&self, router: axum::Router) -> axum::Router {
        let has_own_page = self.page.is_some() && exposition::has_metrics_route(&router);
        let router = router.layer(http::HttpLayer::observing(self.http.clone(), self.mask));
        if has_own_page {
            tracing::warn!("router already serves GET /metrics; telemetry's was not added");
            return router;
        }
        // In this order: of two default fallbacks axum keeps the second, which here has the layer.
        self.routes().merge(router)
    }

    /// The layer that measures requests; add it with `Router::layer`.
    ///
    /// ```no_run
    /// # fn run(telemetry: belfry_telemetry::Telemetry, api: axum::Router) {
    /// // A service that has request ids and catches panics itself takes the measurement alone.
    /// let router = api.layer(telemetry.layer()).nest("/internal", telemetry.routes());
    /// // Which process it is, for a client that compares.
    /// println!("started at {}", telemetry.started());
    /// # drop(router);
    /// # }
    /// ```
    pub fn layer(&self) -> http::HttpLayer {
        http::HttpLayer::new(self.http.clone())
    }

    /// `GET /metrics`. With metrics off there is no such route.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        exposition::router(self.page, &self.settings)
    }

    /// Runs `reading` just before each page is written: for values that are read rather than counted. While it takes longer
    /// than 2 s, and when it panics, what it sets of kind `reading` or `float_counter` is removed from the page.
    ///
    /// ```no_run
    /// belfry_telemetry::catalogue! {
    ///     /// Orders that wait to be packed.
    ///     reading WAITING_ORDERS = "shop_waiting_orders" {};
    /// }
    /// # fn run(telemetry: belfry_telemetry::Telemetry, queue: &'static std::sync::Mutex<Vec<u32>>) {
    /// telemetry.before_scrape(move || WAITING_ORDERS.set(queue.lock().unwrap().len() as f64));
    /// # }
    /// ```
    pub fn before_scrape(&self, reading: impl Fn() + Send + 'static) {
        match self.page {
            Some(page) => page.before_render(Box::new(reading)),
            None if metric::is_on() => registry::read_periodically(vec![Box::new(reading)]),
            None => {}
        }
    }

    /// Shows how full the file system that holds `folder` is, as the disk called `name`, from the next page on.
    pub fn watch_disk(&self, name: &'static str, folder: impl Into<std::path::PathBuf>) {
        let folder = folder.into();
        self.before_scrape(move || sample::DiskReading::emit(sample::DiskReading::read(&folder).ok(), name));
    }
}
