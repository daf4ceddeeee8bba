//! The services that can be asked: where they are, and what they are sent with each query. All of it comes from settings.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use belfry_telemetry::settings::Secret;
use url::Url;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::labels::QuerySource;

/// Names a tenant of Loki.
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// The configured services.
pub(in crate::viewer) struct Sources {
    prometheus: Option<Source>,
    loki: Option<Source>,
    alertmanager: Option<Source>,
}

/// One service.
pub(in crate::viewer) struct Source {
    base: Url,
    headers: HeaderMap,
}

impl Sources {
    /// Those of these settings.
    pub fn new(config: &Config) -> Self {
        let (telemetry, viewer) = (&config.telemetry, &config.viewer);
        let loki = &telemetry.loki;
        let loki_url = viewer.loki_url.as_ref().or(loki.enabled.then_some(&loki.url));
        Self {
            prometheus: telemetry.prometheus.url.as_ref().map(Source::new),
            loki: loki_url.map(|url| Source::new(url).with_tenant(&loki.tenant).with_token(&loki.bearer_token)),
            alertmanager: viewer.alertmanager_url.as_ref().map(Source::new),
        }
    }

    fn get(&self, source: QuerySource) -> Option<&Source> {
        match source {
            QuerySource::Prometheus => self.prometheus.as_ref(),
            QuerySource::Loki => self.loki.as_ref(),
            QuerySource::Alertmanager => self.alertmanager.as_ref(),
        }
    }

    /// Whether a service can be asked.
    pub fn is_configured(&self, source: QuerySource) -> bool {
        self.get(source).is_some()
    }

    /// What to do where a service does not answer, or is not configured.
    pub fn hint(&self, source: QuerySource) -> &'static str {
        match (source, self.is_configured(source)) {
            (QuerySource::Prometheus, true) => {
                "PROMETHEUS__URL is where it is asked; ./run.sh status shows whether it runs"
            }
            (QuerySource::Prometheus, false) => {
                "start the stack with ./run.sh, or set PROMETHEUS__URL to its address, such as http://127.0.0.1:9090"
            }
            (QuerySource::Loki, true) => {
                "VIEWER__LOKI_URL, or else LOKI__URL, is where it is asked; ./run.sh status shows whether it runs"
            }
            (QuerySource::Loki, false) => {
                "start the stack in containers, which has a Loki, or set VIEWER__LOKI_URL to the address of one"
            }
            (QuerySource::Alertmanager, true) => {
                "VIEWER__ALERTMANAGER_URL is where it is asked; ./run.sh status shows whether it runs"
            }
            (QuerySource::Alertmanager, false) => {
                "start the stack with ./run.sh, or set VIEWER__ALERTMANAGER_URL to its address, such as \
                 http://127.0.0.1:9093"
            }
        }
    }

    /// A service, which must be configured.
    ///
    /// # Errors
    /// 404 `query_source_unconfigured`.
    pub fn find(&self, source: QuerySource) -> Result<&Source> {
        self.get(source).ok_or_else(|| {
            let detail = format!("{} is not configured: {}", source.title(), self.hint(source));
            Error::Query { status: StatusCode::NOT_FOUND, code: "query_source_unconfigured", detail }
        })
    }
}

impl Source {
    fn new(base: &Url) -> Self {
        Self { base: base.clone(), headers: HeaderMap::new() }
    }

    fn with_tenant(mut self, tenant: &str) -> Self {
        if let Some(value) = HeaderValue::from_str(tenant).ok().filter(|_| !tenant.is_empty()) {
            self.headers.insert(TENANT, value);
        }
        self
    }

    fn with_token(mut self, token: &Secret) -> Self {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok();
        if let Some(mut value) = value.filter(|_| !token.is_empty()) {
            value.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self
    }

    /// What each query is sent with.
    pub fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// The address of one of its paths, which begins with a slash. Its base may have a path of its own.
    pub fn address(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(None);
        url.set_fragment(None);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Sources::new(&Config::read(variables).unwrap())
    }

    #[test]
    fn a_base_may_have_a_path_and_nothing_else_of_it_is_taken_over() {
        for (base, expected) in [
            ("http://p:9090", "http://p:9090/api/v1/query"),
            ("http://p:9090/", "http://p:9090/api/v1/query"),
            ("https://p/prometheus/?a=b#c", "https://p/prometheus/api/v1/query"),
        ] {
            let sources = sources(&[("PROMETHEUS__URL", base)]);
            let address = sources.find(QuerySource::Prometheus).unwrap().address("/api/v1/query");
            assert_eq!(address.as_str(), expected);
        }
    }

    #[test]
    fn loki_is_asked_where_logs_go_unless_said_otherwise() {
        assert!(!sources(&[]).is_configured(QuerySource::Loki));
        let on = [
            ("LOKI__ENABLED", "true"),
            ("LOKI__URL", "http://l"),
            ("LOKI__TENANT", "north"),
            ("LOKI__BEARER_TOKEN", "t"),
        ];
        let address =
            |variables: &[(&str, &str)]| sources(variables).find(QuerySource::Loki).unwrap().address("/x").to_string();
        assert_eq!(address(&on), "http://l/x");
        assert_eq!(address(&[&on[..], &[("VIEWER__LOKI_URL", "http://query")]].concat()), "http://query/x");
        assert_eq!(address(&[("VIEWER__LOKI_URL", "http://query")]), "http://query/x");
        let headers = sources(&on).find(QuerySource::Loki).unwrap().headers();
        assert_eq!(
            (&headers[TENANT], &headers["authorization"]),
            (&"north".parse().unwrap(), &"Bearer t".parse().unwrap())
        );
        assert!(headers["authorization"].is_sensitive());
        assert!(sources(&[("VIEWER__LOKI_URL", "http://query")]).find(QuerySource::Loki).unwrap().headers().is_empty());
    }

    #[test]
    fn a_source_without_an_address_says_what_to_do() {
        let error = sources(&[]).find(QuerySource::Prometheus).err().unwrap();
        assert_eq!(error.code(), "query_source_unconfigured");
        assert!(error.to_string().contains("PROMETHEUS__URL"), "{error}");
    }
}
