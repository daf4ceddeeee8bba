//! A mail server that keeps what it is given: enough of SMTP (RFC 5321) for one sender with a login, without TLS.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One delivered message.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// What `AUTH PLAIN` said, in base64.
    pub login: String,
    /// The sender's address.
    pub from: String,
    /// The addresses it is for.
    pub to: Vec<String>,
    /// Headers and body, lines as they came.
    pub lines: Vec<String>,
}

impl Mail {
    /// A header, or the empty string. Continued lines are not joined.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let headers = self.lines.iter().take_while(|line| !line.is_empty());
        let mut found = headers.filter_map(|line| line.split_once(": ")).filter(|(found, _)| *found == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// The parts of the body, their quoted-printable encoding undone: each with its type.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, String)> {
        let boundary = self.header("Content-Type").split_once("boundary=").map_or("", |(_, boundary)| boundary);
        let delimiter = format!("--{boundary}");
        let text = self.lines.join("\n");
        let parts = text.split(&delimiter).skip(1).filter(|part| !part.starts_with("--"));
        parts
            .map(|part| {
                let (headers, body) = part.split_once("\n\n").unwrap();
                let kind = headers.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or_default();
                (kind.to_owned(), without_quoting(body))
            })
            .collect()
    }
}

fn without_quoting(body: &str) -> String {
    let joined = body.replace("=\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// The mails that came so far.
#[derive(Clone, Default)]
pub struct MailServer(Arc<Mutex<Vec<Mail>>>);

impl MailServer {
    /// Listens on a free port; returns the server, and its host and port.
    pub async fn start() -> (Self, String) {
        let server = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        (server, address)
    }

    /// All of them in order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.0.lock().unwrap().clone()
    }

    /// One connection, until its end or an error of it.
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let mut mail = Mail::default();
        writing.write_all(b"220 localhost ESMTP\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let answer = match line.split_once(' ').map_or((line.as_str(), ""), |(word, rest)| (word, rest)) {
                ("EHLO", _) => "250-localhost\r\n250 AUTH PLAIN\r\n",
                ("AUTH", rest) => {
                    mail.login = rest.strip_prefix("PLAIN ").unwrap_or_default().to_owned();
                    "235 accepted\r\n"
                }
                ("MAIL", rest) => {
                    mail.from = address(rest);
                    "250 ok\r\n"
                }
                ("RCPT", rest) => {
                    mail.to.push(address(rest));
                    "250 ok\r\n"
                }
                ("DATA", _) => {
                    writing.write_all(b"354 go on\r\n").await?;
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        // A dot at the beginning of a line is doubled.
                        mail.lines.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
                    }
                    self.0.lock().unwrap().push(std::mem::take(&mut mail));
                    "250 delivered\r\n"
                }
                ("QUIT", _) => "221 bye\r\n",
                _ => "502 unknown\r\n",
            };
            writing.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}

/// What stands between the angle brackets of `FROM:<...>`.
fn address(text: &str) -> String {
    text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(text, |(address, _)| address).to_owned()
}
