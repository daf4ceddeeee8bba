//! A remote file store that hangs until the test lets it answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// A store that takes connections and does not answer: whatever works with files hangs, until it is released or dropped.
pub struct HangingStore {
    listener: TcpListener,
    endpoint: String,
}

impl HangingStore {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, endpoint }
    }

    /// Answers that there are no files: what was asked already and what is asked from now on.
    pub fn release(&self) {
        let listener = self.listener.try_clone().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer_with_nothing(socket));
            }
        });
    }

    pub fn variables(&self) -> [(&str, &str); 4] {
        [
            ("STORAGE__URL", "s3://bucket"),
            ("STORAGE__ENDPOINT", &self.endpoint),
            ("STORAGE__ACCESS_KEY_ID", "key"),
            ("STORAGE__SECRET_ACCESS_KEY", "secret"),
        ]
    }
}

/// Answers the one request of a connection with an empty list of files.
fn answer_with_nothing(mut socket: TcpStream) {
    let (mut head, mut piece) = (Vec::new(), [0; 4_096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut piece) {
            Ok(length) if length > 0 => head.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let list = "<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>";
    let length = list.len();
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{list}");
    // Who asked may have given up.
    let _ = socket.write_all(answer.as_bytes());
}

/// What takes the settings of a hanging store back.
pub const LOCAL_STORE: [(&str, &str); 4] = [
    ("STORAGE__URL", ""),
    ("STORAGE__ENDPOINT", ""),
    ("STORAGE__ACCESS_KEY_ID", ""),
    ("STORAGE__SECRET_ACCESS_KEY", ""),
];
