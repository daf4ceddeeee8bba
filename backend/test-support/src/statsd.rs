//! A StatsD agent that keeps what it is sent.

use std::net::UdpSocket;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::{PATIENCE, eventually};

/// Takes datagrams on a free port. They are read as they come, so that none is lost to a full buffer.
pub struct Agent {
    address: String,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    read: Mutex<Datagrams>,
    arrived: Condvar,
}

#[derive(Default)]
struct Datagrams {
    all: Vec<Vec<u8>>,
    /// How many of them were handed out one by one.
    handed_out: usize,
}

/// What an agent sends to itself to know that it has read everything before.
const MARKER: &str = "marker of the test";

impl Agent {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Now and then it looks whether anybody still reads what it took.
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let agent = Self { address: socket.local_addr().unwrap().to_string(), inbox: Arc::default() };
        let inbox = Arc::downgrade(&agent.inbox);
        std::thread::spawn(move || {
            let mut packet = [0; 65_536];
            while let Some(inbox) = inbox.upgrade() {
                if let Ok(size) = socket.recv(&mut packet) {
                    inbox.read.lock().unwrap().all.push(packet[..size].to_vec());
                    inbox.arrived.notify_all();
                }
            }
        });
        agent
    }

    /// Where it listens, such as `127.0.0.1:41234`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The datagrams that it has read so far.
    #[must_use]
    pub fn datagrams(&self) -> Vec<String> {
        self.inbox.read.lock().unwrap().all.iter().map(|datagram| text(datagram)).collect()
    }

    /// What it has read so far, a line break after each datagram.
    #[must_use]
    pub fn packets(&self) -> String {
        joined(&self.datagrams())
    }

    /// The first datagram that this did not return yet. Waits for one no longer than `limit`, and blocks meanwhile.
    #[must_use]
    pub fn next_datagram(&self, limit: Duration) -> Option<String> {
        let read = self.inbox.read.lock().unwrap();
        let none_left = |read: &mut Datagrams| read.handed_out == read.all.len();
        let (mut read, _) = self.inbox.arrived.wait_timeout_while(read, limit, none_left).unwrap();
        let next = read.all.get(read.handed_out).map(|datagram| text(datagram))?;
        read.handed_out += 1;
        Some(next)
    }

    /// The datagrams that were sent before this call.
    pub async fn all_datagrams(&self) -> Vec<String> {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        // With the sender's port, so that a second call does not find the first one's.
        let marker = format!("{MARKER} {}", sender.local_addr().unwrap());
        sender.send_to(marker.as_bytes(), &self.address).unwrap();
        let is_read = async || self.inbox.read.lock().unwrap().all.iter().any(|datagram| datagram == marker.as_bytes());
        eventually("the agent has read all", PATIENCE, is_read).await;
        self.datagrams().into_iter().filter(|datagram| !datagram.starts_with(MARKER)).collect()
    }

    /// All that was sent before this call, a line break after each datagram.
    pub async fn all_packets(&self) -> String {
        joined(&self.all_datagrams().await)
    }
}

fn text(datagram: &[u8]) -> String {
    std::str::from_utf8(datagram).expect("StatsD is text").to_owned()
}

fn joined(datagrams: &[String]) -> String {
    datagrams.iter().flat_map(|datagram| [datagram.as_str(), "\n"]).collect()
}
