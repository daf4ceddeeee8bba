//! A StatsD agent that keeps what it is sent.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{PATIENCE, eventually};

/// Takes datagrams on a free port. They are read as they come, so that none is lost to a full buffer.
pub struct Agent {
    address: String,
    text: Arc<Mutex<String>>,
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
        let agent = Self { address: socket.local_addr().unwrap().to_string(), text: Arc::default() };
        let text = Arc::downgrade(&agent.text);
        std::thread::spawn(move || {
            let mut packet = [0; 65_536];
            while let Some(text) = text.upgrade() {
                if let Ok(size) = socket.recv(&mut packet) {
                    let mut text = text.lock().unwrap();
                    text.push_str(&String::from_utf8_lossy(&packet[..size]));
                    text.push('\n');
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

    /// What it has read so far.
    #[must_use]
    pub fn packets(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// All that was sent before this call.
    pub async fn all_packets(&self) -> String {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(MARKER.as_bytes(), &self.address).unwrap();
        eventually("the agent has read all", PATIENCE, async || self.packets().contains(MARKER)).await;
        self.packets().replace(&format!("{MARKER}\n"), "")
    }
}
