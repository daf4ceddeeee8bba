//! Clients that mean harm, or behave as if: too many, too slow, too large, malformed, or a web page of another site.
//! Each is bounded and counted, and honest clients and probes are answered meanwhile.

mod attacks;
mod connections;
mod messages;
mod sites;
mod slow_bodies;
mod withstand;

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::api::support::server::{PATIENCE, Server};

/// Where honest clients are when the loopback address's share is taken.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

/// Connects from an address of this machine.
async fn connect_from(server: &Server, address: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.into(), 0)).unwrap();
    let to: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    tokio::time::timeout(PATIENCE, socket.connect(to)).await.unwrap().unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    connect_from(server, Ipv4Addr::LOCALHOST).await
}

/// Connects and sends this, as far as the server takes it.
async fn send(server: &Server, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = connect(server).await;
    // It may have closed the connection on the way, which the test then sees.
    let _ = tokio::time::timeout(PATIENCE, stream.write_all(bytes.as_ref())).await.unwrap();
    stream
}

/// What the server says until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset ends it as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    String::from_utf8(answer).unwrap()
}

/// An honest client with an address of its own.
fn client_elsewhere() -> Client {
    let builder = belfry_telemetry::tls::http_client().no_proxy().tls_certs_only([]);
    builder.timeout(PATIENCE).local_address(std::net::IpAddr::from(ELSEWHERE)).build().unwrap()
}

/// The sum of a counter's series with this label value.
async fn counted(server: &Server, metric: &str, reason: &str) -> f64 {
    server.metric(&format!("{metric}{{reason=\"{reason}\"}}")).await.unwrap_or_default()
}
