//! The same metrics to a DogStatsD agent, beside Prometheus or alone.
//!
//! What is sent is read from the registry, as the page is, so both have the same numbers: of a counter its growth, of a gauge
//! its value while it is known, of a histogram its values. In datagrams of the DogStatsD protocol, version 1.0: tags
//! (`|#name:value`), which an agent must understand, and distributions (`|d`) or histograms (`|h`).
//!
//! Compiled with the feature `statsd`; without it `off.rs` stands here.

mod lines;
mod settings;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::catalogue::TELEMETRY_STATSD_DATAGRAMS_FAILED_TOTAL;
use crate::registry::Store;
use crate::settings::SettingsError;
use lines::Lines;
pub use settings::{HistogramType, StatsdSettings};

/// The largest datagram that no network splits: an Ethernet frame without its headers.
const MAX_DATAGRAM_BYTES: usize = 1_432;

/// After this many datagrams the sender pauses, so that an agent's receive buffer does not overflow.
const BURST: usize = 16;
const PAUSE: Duration = Duration::from_millis(1);

/// Where to send, and how.
pub(crate) struct Agent {
    socket: UdpSocket,
    interval: Duration,
    histograms: HistogramType,
}

/// The thread that sends.
pub(crate) struct StatsdSender {
    stop: Sender<()>,
    stopped: Receiver<()>,
}

impl StatsdSettings {
    /// Resolves the agent's address. Over UDP nobody can tell whether an agent listens there.
    pub(crate) fn resolve(&self) -> Result<Agent, SettingsError> {
        let refused = |cause: String| SettingsError {
            variable: "STATSD__ADDRESS".to_owned(),
            found: format!("`{}`{cause}", self.address),
            expected: "a UDP address such as 127.0.0.1:8125".to_owned(),
        };
        let resolved = self.address.to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
        let addresses = resolved.map_err(|error| refused(format!(" ({error})")))?;
        let address = addresses.first().ok_or_else(|| refused(" (no such host)".to_owned()))?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket));
        let socket = socket.map_err(|error| refused(format!(" ({error})")))?;
        Ok(Agent { socket, interval: self.interval, histograms: self.histograms })
    }
}

impl Agent {
    /// Sends what `store` holds from now on, from a thread of its own.
    pub(crate) fn start(self, store: &'static Store) -> io::Result<StatsdSender> {
        let (stop, stopping) = mpsc::channel::<()>();
        let (done, stopped) = mpsc::channel();
        let run = move || {
            let mut lines = Lines::new(self.histograms);
            loop {
                let stop = stopping.recv_timeout(self.interval);
                // Nothing is left that could stop it, so it goes on, as the page does.
                if stop == Err(RecvTimeoutError::Disconnected) {
                    thread::sleep(self.interval);
                }
                // Once more after the request to stop, so that nothing that was counted is missing.
                self.send(&lines.since_last(store));
                if stop.is_ok() {
                    break;
                }
            }
            drop(done);
        };
        thread::Builder::new().name("statsd".to_owned()).spawn(run)?;
        Ok(StatsdSender { stop, stopped })
    }

    /// Datagrams are not answered, so most losses are not known. An agent that is away gets the next ones.
    fn send(&self, lines: &[String]) {
        let mut datagram = String::with_capacity(MAX_DATAGRAM_BYTES);
        let mut sent = 0;
        for line in lines {
            if !datagram.is_empty() && datagram.len() + line.len() > MAX_DATAGRAM_BYTES {
                self.send_datagram(&datagram);
                datagram.clear();
                sent += 1;
                if sent % BURST == 0 {
                    thread::sleep(PAUSE);
                }
            }
            datagram.push_str(line);
        }
        if !datagram.is_empty() {
            self.send_datagram(&datagram);
        }
    }

    /// What the system refuses is counted: that nothing listens on this machine, which it says of the datagram before, or that there
    /// is no way to the agent.
    fn send_datagram(&self, datagram: &str) {
        if self.socket.send(datagram.as_bytes()).is_err() {
            TELEMETRY_STATSD_DATAGRAMS_FAILED_TOTAL.increment(1);
        }
    }
}

impl StatsdSender {
    /// Sends what is pending and ends, within `grace`; returns whether it did. Blocks.
    pub(crate) fn finish(self, grace: Duration) -> bool {
        // The thread waits for this message; if it has ended, the next line returns at once.
        let _ = self.stop.send(());
        self.stopped.recv_timeout(grace) == Err(RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::changed_series;

    #[test]
    fn datagrams_that_the_system_refuses_are_counted() {
        // Nothing listens at a port that was just given back.
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(closed).unwrap();
        let agent = Agent { socket, interval: Duration::ZERO, histograms: HistogramType::Distribution };
        let series = changed_series(|| {
            for _ in 0..3 {
                agent.send(&["shop_orders_total:1|c\n".to_owned()]);
            }
        });
        // The second is told that nobody took the first.
        assert_eq!(series, ["telemetry_statsd_datagrams_failed_total 1"]);
    }
}
