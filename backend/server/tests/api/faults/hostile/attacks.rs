//! Each attack, against all that `withstand.rs` demands. The attackers have the loopback address, honest clients another.

use std::net::Ipv4Addr;
use std::time::Duration;

use belfry_test_support::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::withstand::{Attack, withstand};
use super::{connect, connect_from, send};
use crate::api::support::runs::{FAKE, await_step, submit_fake, upload_shipped};
use crate::api::support::server::{PATIENCE, Server};
use crate::api::support::uploads::{generated, peak_bytes, resident_bytes, upload};

const REFUSED: &str = "http_connections_refused_total";
const CUT: &str = "http_connections_cut_total";
const REQUESTS_REFUSED: &str = "http_requests_refused_total";

const RUNS: &str = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

impl Attack {
    fn hold(held: Vec<TcpStream>) -> Self {
        Self { held, ..Self::default() }
    }

    /// Sends these bytes again and again, until the server ends the connection.
    fn repeat(&mut self, mut stream: TcpStream, bytes: impl AsRef<[u8]> + Send + 'static, pause: Duration) {
        self.tasks.spawn(async move {
            while stream.write_all(bytes.as_ref()).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        });
    }
}

/// Connections that each have sent this, as far as the server takes it.
async fn crowd(server: &Server, count: usize, bytes: impl AsRef<[u8]>) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        crowd.push(send(server, bytes.as_ref()).await);
    }
    crowd
}

/// Two addresses by turns, for attacks that need more connections than one may have.
fn address_of(number: usize) -> Ipv4Addr {
    if number.is_multiple_of(2) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(127, 0, 0, 78) }
}

#[tokio::test]
async fn idle_connections_do_not_stop_the_service() {
    withstand(&[], &[(REFUSED, "max_connections_per_address", 250.0)], async |server: &Server| {
        let mut held = Vec::new();
        for _ in 0..600 {
            held.push(connect(server).await);
        }
        Attack::hold(held)
    })
    .await;
}

#[tokio::test]
async fn endless_headers_do_not_stop_the_service() {
    let refusals = [(REFUSED, "max_connections_per_address", 40.0), (CUT, "header_timeout", 200.0)];
    withstand(&[("SERVER__HEADER_TIMEOUT", "12s")], &refusals, async |server: &Server| {
        let mut attack = Attack::default();
        for stream in crowd(server, 400, "GET /livez HTTP/1.1\r\nHost: localhost\r\n").await {
            attack.repeat(stream, "X-Y: z\r\n", Duration::from_millis(500));
        }
        attack
    })
    .await;
}

#[tokio::test]
async fn unfinished_json_does_not_stop_the_service() {
    withstand(&[], &[(REQUESTS_REFUSED, "max_buffered_bytes", 60.0)], async |server: &Server| {
        let unfinished = format!("{RUNS}Content-Length: 2000000\r\n\r\n{}", " ".repeat(1_900_000));
        Attack::hold(crowd(server, 100, unfinished).await)
    })
    .await;
}

/// What the system holds for clients of the server that have not received it.
fn unreceived_bytes(server: &Server) -> u64 {
    let port: u16 = server.url.rsplit_once(':').unwrap().1.parse().unwrap();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // proc_pid_net(5): number, local address, remote address, state, queue to send and queue received, in hexadecimal.
    let queues = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = u16::from_str_radix(fields[1].rsplit_once(':')?.1, 16).ok()?;
        (local == port).then(|| u64::from_str_radix(fields[4].split_once(':').unwrap().0, 16).unwrap())
    });
    queues.sum()
}

#[tokio::test]
async fn slow_readers_do_not_stop_the_service() {
    const READERS: u64 = 300;
    withstand(
        // Long enough for all to have begun, on a busy machine as well, before the first is cut.
        &[("SERVER__WRITE_TIMEOUT", "12s")],
        &[(CUT, "write_timeout", READERS as f64)],
        async |server: &Server| {
            let dataset = upload(server, "", generated(24 << 20)).await;
            let path = format!("/api/v1/datasets/{}/content", dataset["id"].as_str().unwrap());
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let before = resident_bytes(server.pid());
            let mut attack = Attack::default();
            let mut readers = Vec::new();
            for number in 0..READERS {
                // One after the other: all at once, some would find no connection to the database in time.
                let mut stream = connect_from(server, address_of(number as usize)).await;
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut status = [0; 12];
                stream.read_exact(&mut status).await.unwrap();
                assert_eq!(&status, b"HTTP/1.1 200");
                readers.push(stream);
            }
            let mut last = 0;
            eventually("nothing more fits in anywhere", PATIENCE, async || {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let before = std::mem::replace(&mut last, unreceived_bytes(server));
                if last > READERS << 14 && last == before { Ok(()) } else { Err(format!("{last} bytes wait")) }
            })
            .await;
            // On each side of the system's interface: 64 KiB of it here, and a packet more there.
            let in_system = unreceived_bytes(server) / READERS;
            let in_server = peak_bytes(server.pid()).saturating_sub(before) / READERS;
            println!("each reader: {} KiB in the system, {} KiB in the server", in_system >> 10, in_server >> 10);
            assert!(in_system <= 192 << 10, "the system holds {} KiB for each reader", in_system >> 10);
            assert!(in_server <= 384 << 10, "the server holds {} KiB for each reader", in_server >> 10);
            for mut stream in readers {
                attack.tasks.spawn(async move {
                    // A byte now and then is no progress.
                    while stream.read_u8().await.is_ok() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                });
            }
            attack
        },
    )
    .await;
}

#[tokio::test]
async fn many_scrapers_do_not_stop_the_service() {
    // Those over the bounds are answered as probes if there is a place; so how many are refused depends on their speed.
    withstand(&[], &[], async |server: &Server| {
        let mut attack = Attack::default();
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for (number, mut stream) in crowd(server, 600, request).await.into_iter().enumerate() {
            // Some read and ask again, the others do not even read.
            if number % 4 > 0 {
                attack.held.push(stream);
                continue;
            }
            attack.tasks.spawn(async move {
                let mut page = vec![0; 1 << 20];
                while stream.read(&mut page).await.is_ok_and(|length| length > 0) {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    if stream.write_all(request.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
        attack
    })
    .await;
}

#[tokio::test]
async fn many_followers_do_not_stop_the_service() {
    let settings = [FAKE, ("TRAINING__WORKERS", "2")];
    withstand(&settings, &[(REQUESTS_REFUSED, "max_followers", 200.0)], async |server: &Server| {
        let dataset = upload_shipped(server, "iris.csv").await;
        let run = submit_fake(server, &dataset, "slow", 1_000_000).await;
        await_step(server, &run).await;
        let request = format!("GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut attack = Attack::default();
        for number in 0..300 {
            let mut stream = connect_from(server, address_of(number)).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            attack.held.push(stream);
        }
        server.await_metric("belfry_run_followers", 100.0).await;
        attack
    })
    .await;
}

#[tokio::test]
async fn slow_uploads_do_not_stop_the_service() {
    // One that comes when the first have been waited for takes the place of one of them, which is refused instead.
    let refusals = [(REQUESTS_REFUSED, "slow_body", 1.0), (REQUESTS_REFUSED, "slow_body|max_uploads", 48.0)];
    withstand(&[], &refusals, async |server: &Server| {
        let head = "POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n";
        let mut attack = Attack::default();
        for stream in crowd(server, 64, format!("{head}Content-Length: 100000\r\n\r\na,b\n")).await {
            attack.repeat(stream, "1", Duration::from_millis(250));
        }
        server.await_metric("belfry_uploads_in_progress", 16.0).await;
        attack
    })
    .await;
}

#[tokio::test]
async fn unread_pipelines_do_not_stop_the_service() {
    withstand(&[("SERVER__WRITE_TIMEOUT", "3s")], &[(CUT, "write_timeout", 40.0)], async |server: &Server| {
        // Large responses, so that few of them fill what is buffered.
        let requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200);
        Attack::hold(crowd(server, 40, requests).await)
    })
    .await;
}

#[tokio::test]
async fn chunk_tricks_do_not_stop_the_service() {
    let settings = [("SERVER__BODY_TIMEOUT", "2s"), ("UPLOAD__IDLE_TIMEOUT", "2s")];
    let refusals = [(REQUESTS_REFUSED, "malformed_body", 80.0), (REQUESTS_REFUSED, "slow_body", 20.0)];
    withstand(&settings, &refusals, async |server: &Server| {
        let head = format!("{RUNS}Transfer-Encoding: chunked\r\n\r\n");
        let mut attack = Attack::default();
        let extension = format!("1;{}\r\n", "a".repeat(200_000));
        let trailers = format!("0\r\n{}\r\n", format!("X: {}\r\n", "y".repeat(1000)).repeat(100));
        for trick in ["zz\r\n{}\r\n", "fffffffffffffffff\r\n", &extension, &trailers] {
            attack.held.extend(crowd(server, 20, format!("{head}{trick}")).await);
        }
        // One byte a chunk: much at once, and then hardly any.
        for stream in crowd(server, 20, format!("{head}{}", "1\r\n \r\n".repeat(2_000))).await {
            attack.repeat(stream, "1\r\n \r\n", Duration::from_millis(250));
        }
        attack
    })
    .await;
}

#[tokio::test]
async fn http2_floods_do_not_stop_the_service() {
    withstand(&[], &[(CUT, "malformed", 100.0)], async |server: &Server| {
        let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // Settings without end, and pings.
        flood.extend([0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(10_000));
        flood.extend([0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(10_000));
        Attack::hold(crowd(server, 100, flood).await)
    })
    .await;
}
