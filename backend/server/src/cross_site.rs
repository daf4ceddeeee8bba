//! Which sites may use the API through a browser. Any page open on an operator's machine can send requests to addresses
//! that only this machine reaches; these checks keep it from acting, and from reading by a name of its own.
//!
//! - `Host` must be one of `SERVER__ALLOWED_HOSTS`, an IP address, or a loopback name. A page can point a name of its own
//!   site at this address and then read answers as its own (DNS rebinding). That takes a name: an address in `Host`
//!   is what the page's own origin would have to be, so addresses are safe.
//! - A request that changes something must come from no page at all, from a page of this server, or from an origin in
//!   `SERVER__CORS_ORIGINS`. Browsers say so in `Sec-Fetch-Site`, which pages cannot set, and older ones in `Origin`. The
//!   order of the checks is that of Go's `net/http.CrossOriginProtection`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::percent_decode_str;

use crate::config::{HostNames, LimitsConfig, Origins};
use crate::error::{Error, Result};
use crate::request::shown;

/// The settings of these checks.
pub struct SitePolicy {
    hosts: HostNames,
    origins: Origins,
}

/// Middleware: refuses requests of other sites, and paths that are no text.
pub async fn refuse_other_sites(
    State(policy): State<Arc<SitePolicy>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    policy.check_host(&request)?;
    policy.check_origin(&request)?;
    if percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        let detail = "path: expected percent-encoded UTF-8".to_owned();
        return Err(Error::BadRequest { code: "invalid_path", detail });
    }
    Ok(next.run(request).await)
}

/// Middleware: refuses whatever a page of another site asks, also what changes nothing: for what costs other services work.
pub async fn refuse_pages_of_other_sites(
    State(policy): State<Arc<SitePolicy>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    policy.check_page(request.headers())?;
    policy.check_unnamed_page(request.headers())?;
    Ok(next.run(request).await)
}

/// What the viewer's pages send. A page of another site cannot, unless it asks before, which is refused.
const OWN_PAGE: (&str, &[u8]) = ("x-requested-with", b"belfry-viewer");

impl SitePolicy {
    /// The policy of these settings.
    pub fn new(limits: &LimitsConfig) -> Self {
        Self { hosts: limits.allowed_hosts.clone(), origins: limits.cors_origins.clone() }
    }

    /// Refuses a request for another host, or for none. RFC 9112, section 3.2: HTTP/1.1 has exactly one `Host`.
    ///
    /// # Errors
    /// 400 for a `Host` that is missing, doubled or malformed, 421 for another.
    pub fn check_host<B>(&self, request: &axum::http::Request<B>) -> Result<()> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(authority(host)?),
            // A browser always sends one, and load balancers probe with HTTP/1.0.
            (None, _) if request.version() <= Version::HTTP_10 => None,
            (None, _) => return Err(invalid_host("no Host, expected one")),
            (Some(_), Some(_)) => return Err(invalid_host("several Hosts, expected one")),
        };
        // An absolute target, as sent to proxies, names a host too, which then counts.
        for authority in host.iter().chain(request.uri().authority()) {
            if !self.allows_host(authority.host()) {
                return Err(Error::UnknownHost(shown(authority.as_str())));
            }
        }
        Ok(())
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_address = || host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let is_loopback_name = || host == "localhost" || host.ends_with(".localhost");
        self.hosts.any || is_address() || is_loopback_name() || self.hosts.names.contains(&host)
    }

    /// Refuses a request that changes something and comes from a page of another site.
    ///
    /// # Errors
    /// 403.
    pub fn check_origin<B>(&self, request: &axum::http::Request<B>) -> Result<()> {
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        self.check_page(request.headers())
    }

    /// Refuses a browser that names no page. Over http, but on loopback, browsers leave out `Sec-Fetch-Site`, and of a `GET` by an image
    /// or a script also `Origin` (W3C Fetch Metadata, "potentially trustworthy URL").
    ///
    /// # Errors
    /// 403.
    fn check_unnamed_page(&self, headers: &HeaderMap) -> Result<()> {
        let is_browser = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
        let is_named = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
        let is_own = headers.get(OWN_PAGE.0).is_some_and(|value| value.as_bytes() == OWN_PAGE.1);
        if is_browser && !is_named && !is_own {
            return Err(Error::CrossSite(
                "X-Requested-With: expected belfry-viewer from a browser that sends no Sec-Fetch-Site",
            ));
        }
        Ok(())
    }

    /// Refuses what a page of another site sends.
    ///
    /// # Errors
    /// 403.
    fn check_page(&self, headers: &HeaderMap) -> Result<()> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, another) = (origins.next(), origins.next());
        let is_listed = |origin: &HeaderValue| self.origins.0.iter().any(|listed| origin == listed.as_str());
        if another.is_none() && origin.is_some_and(is_listed) {
            return Ok(());
        }
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin" | b"none") => Ok(()),
            Some(_) => {
                Err(Error::CrossSite("Sec-Fetch-Site: expected same-origin, or an Origin in SERVER__CORS_ORIGINS"))
            }
            None => match origin {
                None => Ok(()),
                Some(origin) if another.is_none() && is_same_origin(origin, headers) => Ok(()),
                Some(_) => {
                    Err(Error::CrossSite("Origin: expected the host of this server, or one in SERVER__CORS_ORIGINS"))
                }
            },
        }
    }
}

fn invalid_host(found: &str) -> Error {
    Error::BadRequest { code: "invalid_host", detail: format!("Host: found {found}") }
}

fn authority(host: &HeaderValue) -> Result<Authority> {
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    authority
        .filter(|authority| {
            let port = authority.as_str().strip_prefix(authority.host());
            let is_port = |port: &str| port.is_empty() || authority.port_u16().is_some();
            !authority.host().is_empty() && port.is_some_and(is_port)
        })
        .ok_or_else(|| invalid_host("something else, expected a name or an address, and perhaps a port"))
}

/// Whether an origin has the host and port that the request was sent to. Its scheme is not known here behind a proxy.
fn is_same_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()) else { return false };
    let (Some(scheme), Some(theirs)) = (origin.scheme_str(), origin.authority()) else { return false };
    let Some(ours) = headers.get(header::HOST).and_then(|host| authority(host).ok()) else { return false };
    let usual_port = if scheme == "https" { 443 } else { 80 };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual_port);
    theirs.host().eq_ignore_ascii_case(ours.host()) && port(theirs) == port(&ours)
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, StatusCode};
    use axum::response::IntoResponse;

    use super::*;
    use crate::config::Config;

    fn policy(variables: &[(&str, &str)]) -> SitePolicy {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        SitePolicy::new(&Config::read(variables).unwrap().server.limits)
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder().method(method).uri("/x");
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
    }

    fn status(result: Result<()>) -> StatusCode {
        result.map_or_else(|error| error.into_response().status(), |()| StatusCode::OK)
    }

    #[test]
    fn hosts_are_addresses_loopback_names_and_listed_ones() {
        let policy = policy(&[("SERVER__ALLOWED_HOSTS", "backend,belfry.example")]);
        let found = |host: &str| status(policy.check_host(&request("GET", &[("host", host)])));
        for host in
            ["127.0.0.1:8000", "192.0.2.7", "[::1]:8000", "[2001:db8::1]", "localhost", "LOCALHOST:1", "a.localhost"]
        {
            assert_eq!(found(host), StatusCode::OK, "{host}");
        }
        for host in ["backend:8000", "Belfry.example", "belfry.example."] {
            assert_eq!(found(host), StatusCode::OK, "{host}");
        }
        for host in ["evil.example", "backend.evil.example", "127.0.0.1.evil.example", "localhost.evil.example"] {
            assert_eq!(found(host), StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
        for host in ["", "user@localhost", "a b", "localhost/", "localhost:x"] {
            assert_eq!(found(host), StatusCode::BAD_REQUEST, "{host:?}");
        }
        assert_eq!(status(policy.check_host(&request("GET", &[]))), StatusCode::BAD_REQUEST);
        let two = request("GET", &[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(status(policy.check_host(&two)), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_target_with_a_host_is_checked_too() {
        let request = Request::get("http://evil.example/x").header("host", "localhost").body(()).unwrap();
        assert_eq!(status(policy(&[]).check_host(&request)), StatusCode::MISDIRECTED_REQUEST);
        let request = Request::get("/x").header("host", "evil.example").body(()).unwrap();
        assert_eq!(status(policy(&[("SERVER__ALLOWED_HOSTS", "*")]).check_host(&request)), StatusCode::OK);
    }

    #[test]
    fn a_browser_that_names_no_page_must_be_ours() {
        let policy = policy(&[]);
        let found = |headers: &[(&str, &str)]| status(policy.check_unnamed_page(request("GET", headers).headers()));
        let browser = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
        assert_eq!(found(&[browser]), StatusCode::FORBIDDEN);
        assert_eq!(found(&[browser, ("x-requested-with", "XMLHttpRequest")]), StatusCode::FORBIDDEN);
        for fine in [("x-requested-with", "belfry-viewer"), ("sec-fetch-site", "same-origin"), ("origin", "http://a")] {
            assert_eq!(found(&[browser, fine]), StatusCode::OK, "{fine:?}");
        }
        assert_eq!(found(&[("user-agent", "curl/8.5.0")]), StatusCode::OK);
        assert_eq!(found(&[]), StatusCode::OK);
    }

    #[test]
    fn a_page_of_another_site_is_told_by_its_headers_alone() {
        let policy = policy(&[("SERVER__CORS_ORIGINS", "https://app.example")]);
        let found = |headers: &[(&str, &str)]| status(policy.check_page(request("GET", headers).headers()));
        for fine in [&[][..], &[("sec-fetch-site", "none")], &[("sec-fetch-site", "same-origin")]] {
            assert_eq!(found(fine), StatusCode::OK, "{fine:?}");
        }
        let listed = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example")];
        assert_eq!(found(&listed), StatusCode::OK);
        assert_eq!(found(&[("sec-fetch-site", "cross-site")]), StatusCode::FORBIDDEN);
        assert_eq!(found(&[("sec-fetch-site", "same-site")]), StatusCode::FORBIDDEN);
    }

    #[test]
    fn changes_come_from_no_page_or_from_one_of_its_own() {
        let policy = policy(&[("SERVER__CORS_ORIGINS", "https://app.example")]);
        let found = |method: &str, headers: &[(&str, &str)]| {
            let headers = [&[("host", "localhost:8000")], headers].concat();
            status(policy.check_origin(&request(method, &headers)))
        };
        let cases: [(&[(&str, &str)], StatusCode); 10] = [
            (&[], StatusCode::OK),
            (&[("origin", "http://localhost:8000")], StatusCode::OK),
            (&[("origin", "https://app.example")], StatusCode::OK),
            (&[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")], StatusCode::OK),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://a.proxy")], StatusCode::OK),
            (&[("origin", "http://localhost:3000")], StatusCode::FORBIDDEN),
            (&[("origin", "null")], StatusCode::FORBIDDEN),
            (&[("origin", "http://localhost:8000"), ("origin", "http://evil.example")], StatusCode::FORBIDDEN),
            (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
            (&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        ];
        for (headers, expected) in cases {
            assert_eq!(found("POST", headers), expected, "{headers:?}");
            assert_eq!(found("DELETE", headers), expected, "{headers:?}");
            assert_eq!(found("GET", headers), StatusCode::OK, "{headers:?}");
        }
    }
}
