//! The listener: accepts connections within their bounds, serves HTTP/1 on each, and lets them end at the shutdown.
//!
//! hyper speaks the protocol. What is here bounds what a client may cost:
//!
//! - `admission.rs`: how many connections there are, of all clients and of one address; the few over these that only probes get
//! - `stream.rs`: how long a connection may be silent, take for a header, or not take what is written
//! - `body.rs`: how slowly a request's body may come
//! - `activity.rs`: what a connection is doing, which those two need to know
//! - `own_answers.rs`: the refusals that hyper itself writes, as problems
//! - `memory.rs`: memory that goes back to the system after a crowd of connections
//! - `pace.rs`: a least rate over windows of time
//! - `send_queue.rs`: what the system holds of a connection's responses
//!
//! HTTP/2 is not spoken: nothing here needs it, and its streams and settings would need bounds of their own.

mod activity;
mod admission;
mod body;
mod memory;
mod own_answers;
mod pace;
mod send_queue;
mod stream;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::config::LimitsConfig;
use crate::cross_site::SitePolicy;
use crate::error::Error;
use crate::events::connection::{AcceptFailed, ConnectionCutOff, ConnectionRefused, connection_open};
use crate::labels::{ConnectionCut, ConnectionRefusal};
use activity::Activity;
use admission::{Admission, Admitted, Reserved};

pub use admission::network_of;
use body::{AnsweringBody, PacedBody};
use memory::EndedConnections;
use stream::BoundedStream;

/// The most that is buffered of a connection in each direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// What the connections over the bounds may ask, so that monitoring sees a server that is too busy for anyone else.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// How long a connection over the bounds may take for its header, and to take its answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest that such a connection stays, however slowly its client reads: others wait for its place.
const RESERVED_TIME: Duration = Duration::from_secs(10);

/// How long a header that has begun may take once the server stops.
const LAST_HEADER: Duration = Duration::from_secs(1);

/// The pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Not set by a route that needs others: no page of another site may embed or read an answer, and no browser may take one
/// for a page or a script.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The address at the other end of a request's connection, as an extension of the request: behind a proxy, the proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The address of a request's client. Every request that came by the listener has it.
pub fn address_of(extensions: &Extensions) -> IpAddr {
    extensions.get().map_or(Ipv4Addr::UNSPECIFIED.into(), |ClientAddress(address)| *address)
}

/// What all connections share.
pub struct Listener<S> {
    service: S,
    limits: LimitsConfig,
    sites: Arc<SitePolicy>,
    admission: Arc<Admission>,
    ended: EndedConnections,
    stopping: CancellationToken,
}

impl<S> Listener<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Serves `service` within `limits`.
    pub fn new(service: S, limits: &LimitsConfig, sites: Arc<SitePolicy>, stopping: CancellationToken) -> Self {
        let admission = Arc::new(Admission::new(limits.max_connections, limits.max_connections_per_address));
        Self { service, limits: limits.clone(), sites, admission, ended: EndedConnections::default(), stopping }
    }

    /// Accepts connections until the shutdown begins, and returns when all of them have ended.
    pub async fn run(self, listener: TcpListener) {
        let (shared, connections) = (Arc::new(self), TaskTracker::new());
        let releasing = shared.clone();
        tokio::spawn(async move { releasing.stopping.run_until_cancelled(releasing.ended.release_memory()).await });
        while let Some(accepted) = shared.stopping.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, address)) => {
                    let admitted = Admission::admit(&shared.admission, address.ip());
                    connections.spawn(shared.clone().serve(stream, ClientAddress(address.ip()), admitted));
                }
                // The client has gone already.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    AcceptFailed { error: &error }.emit();
                    shared.stopping.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, client: ClientAddress, admitted: Admitted) {
        let _open = connection_open();
        let (reserved, _slot) = match admitted {
            Admitted::Slot(slot) => (None, Some(slot)),
            Admitted::Reserved(reserved) => (Some(Arc::new(reserved)), None),
        };
        let evicted = reserved.as_ref().map_or_else(CancellationToken::new, |reserved| reserved.evicted());
        // Newer ones need the place of a connection that is evicted.
        let conversation = evicted.run_until_cancelled(self.clone().converse(stream, client, reserved.clone()));
        if reserved.is_some() {
            let _ = tokio::time::timeout(RESERVED_TIME, conversation).await;
        } else {
            conversation.await;
        }
        self.ended.count();
        if let Some(reserved) = reserved.filter(|reserved| !reserved.was_served()) {
            ConnectionRefused { reason: reserved.reason }.emit();
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, client: ClientAddress, reserved: Option<Arc<Reserved>>) {
        let mut limits = self.limits.clone();
        if reserved.is_some() {
            limits.header_timeout = limits.header_timeout.min(PROBE_TIMEOUT);
            limits.write_timeout = limits.write_timeout.min(PROBE_TIMEOUT);
        }
        send_queue::bound(&stream);
        let activity = Arc::new(Activity::new(self.stopping.clone()));
        let stream = BoundedStream::new(stream, activity.clone(), &limits);
        let keep_alive = reserved.is_none();
        let service = service_fn(|request| self.clone().answer(request, client, activity.clone(), reserved.clone()));
        let connection = http1::Builder::new()
            .keep_alive(keep_alive)
            .max_buf_size(BUFFER_BYTES)
            .max_header_size(usize::try_from(limits.max_header_bytes).unwrap_or(BUFFER_BYTES))
            // `stream.rs` has the timers: it distinguishes a header from silence.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        if let Some(ended) = self.stopping.run_until_cancelled(connection.as_mut()).await {
            // Other errors are of clients that went away, or are counted where they are found.
            if ended.is_err_and(|error| error.is_parse()) {
                ConnectionCutOff { reason: ConnectionCut::Malformed }.emit();
            }
            return;
        }
        if activity.is_lingering() {
            return;
        }
        connection.as_mut().graceful_shutdown();
        if tokio::time::timeout(LAST_HEADER, connection.as_mut()).await.is_err() && activity.is_answering() {
            // As for all work, its end is the cut-off of the shutdown.
            let _ = connection.await;
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        client: ClientAddress,
        activity: Arc<Activity>,
        reserved: Option<Arc<Reserved>>,
    ) -> Result<hyper::Response<AnsweringBody>, Infallible> {
        let exchange = Activity::begin_exchange(&activity);
        let path = request.uri().path();
        let is_probe = PROBES.contains(&path);
        if let Some(reserved) = reserved.as_ref().filter(|_| is_probe) {
            reserved.begin_answer();
        }
        let refusal = match &reserved {
            Some(reserved) if !is_probe => Some(busy(reserved.reason)),
            // The page of metrics is not under the layers of the API's routes.
            _ if path == "/metrics" => self.sites.check_host(&request).err(),
            _ => None,
        };
        let answer = match refusal {
            Some(refusal) => {
                activity.leave_unread();
                refusal.into_response()
            }
            None => {
                let limits = &self.limits;
                let mut request = request.map(|body| match hyper::body::Body::is_end_stream(&body) {
                    true => Body::empty(),
                    false => Body::new(PacedBody::new(body, exchange.clone(), limits)),
                });
                request.extensions_mut().insert(client);
                // Its `poll_ready` is always ready, as the router's.
                let Ok(answer) = self.service.clone().call(request).await;
                answer
            }
        };
        Ok(finish(answer, reserved.is_some()).map(|body| AnsweringBody::new(body, exchange)))
    }
}

fn busy(reason: ConnectionRefusal) -> Error {
    let whose = match reason {
        ConnectionRefusal::MaxConnectionsPerAddress => "this address has as many connections as",
        _ => "there are as many connections as",
    };
    let setting = match reason {
        ConnectionRefusal::MaxConnectionsPerAddress => "SERVER__MAX_CONNECTIONS_PER_ADDRESS",
        _ => "SERVER__MAX_CONNECTIONS",
    };
    Error::Busy(format!("{whose} {setting} allows; only {} are answered", PROBES.join(", ")))
}

/// What every response has, whoever made it.
fn finish(mut response: Response, last: bool) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    // Of these the body has not been read, and may never end.
    let is_unread = matches!(
        status,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT | StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    if last || is_unread {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
