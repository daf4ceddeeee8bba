//! A connection's bytes, with deadlines for silence, for headers, and for a client that does not take what is written.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::{Activity, Phase};
use super::pace::Pace;
use super::{own_answers, send_queue};
use crate::config::LimitsConfig;
use crate::events::connection::ConnectionCutOff;
use crate::labels::ConnectionCut;

/// How long a client that is still sending gets to read its answer before the connection is closed.
const LINGER: Duration = Duration::from_secs(5);

/// One timer, made when it is first needed.
#[derive(Default)]
pub struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready at `deadline`, which may be another each time.
    pub fn poll_until(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(context)
    }
}

/// A connection's stream.
pub struct BoundedStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    header_timeout: Duration,
    idle_timeout: Duration,
    read_timer: Timer,
    write_pace: Pace,
    write_timer: Timer,
    /// Handed to the system on this connection.
    written_bytes: u64,
    /// What the client's system had received of it when the pace was last looked at.
    received_bytes: u64,
    /// The first line of the header that comes, or came last, is complete.
    has_first_line: bool,
    /// How many requests there were when the last response was flushed: as long as there is no other, what hyper writes is
    /// a refusal of its own.
    flushed_requests: Option<u64>,
    /// What stands for such a refusal, and how much of it was sent.
    replacement: Option<(Vec<u8>, usize)>,
    lingers_until: Option<Instant>,
}

impl BoundedStream {
    /// Bounds a stream.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, limits: &LimitsConfig) -> Self {
        Self {
            stream,
            activity,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            read_timer: Timer::default(),
            write_pace: Pace::at_rate(limits.write_timeout, limits.min_response_rate),
            write_timer: Timer::default(),
            written_bytes: 0,
            received_bytes: 0,
            has_first_line: false,
            flushed_requests: Some(0),
            replacement: None,
            lingers_until: None,
        }
    }

    /// Until when the client must send, and what it is cut for otherwise.
    fn read_deadline(&self, context: &Context<'_>) -> Option<(Instant, ConnectionCut)> {
        match self.activity.phase(context.waker()) {
            Phase::Answering => None,
            Phase::Silent { since, requests: 0 } | Phase::Header { since } => {
                Some((since + self.header_timeout, ConnectionCut::HeaderTimeout))
            }
            Phase::Silent { since, .. } => Some((since + self.idle_timeout, ConnectionCut::IdleTimeout)),
        }
    }

    fn cut(reason: ConnectionCut) -> io::Error {
        ConnectionCutOff { reason }.emit();
        ErrorKind::TimedOut.into()
    }

    /// Writes, or fails when the client takes too little for too long.
    fn poll_write_paced(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(written) => {
                self.written_bytes += *written.as_ref().unwrap_or(&0) as u64;
                // Handed to the system is not taken by the client.
                self.write_pace.advance(0, Instant::now);
                Poll::Ready(written)
            }
            Poll::Pending => loop {
                self.activity.wait_for_client();
                let deadline = self.write_pace.wait(Instant::now());
                ready!(self.write_timer.poll_until(deadline, context));
                let received_bytes = self.written_bytes.saturating_sub(send_queue::unreceived_bytes(&self.stream));
                self.write_pace.add(received_bytes.saturating_sub(self.received_bytes));
                self.received_bytes = received_bytes;
                if self.write_pace.is_too_slow(Instant::now()) {
                    return Poll::Ready(Err(Self::cut(ConnectionCut::WriteTimeout)));
                }
            },
        }
    }

    /// Sends what stands for a refusal of hyper's.
    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, sent)) = self.replacement.take_if(|(answer, sent)| *sent < answer.len()) {
            let polled = self.poll_write_paced(context, |stream, context| stream.poll_write(context, &answer[sent..]));
            let more = if let Poll::Ready(Ok(written)) = &polled { *written } else { 0 };
            self.replacement = Some((answer, sent + more));
            ready!(polled)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether what hyper writes is a refusal of its own, which is then replaced.
    fn replaces(&mut self, written: &[u8]) -> bool {
        if self.replacement.is_some() {
            return true;
        }
        if self.flushed_requests != Some(self.activity.requests()) {
            return false;
        }
        let Some(refusal) = own_answers::refusal(written, self.has_first_line) else { return false };
        self.activity.leave_unread();
        self.replacement = Some((refusal, 0));
        true
    }

    /// Reads and drops what the client still sends, for a while.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = match self.lingers_until {
            Some(deadline) => deadline,
            None if self.activity.linger() => *self.lingers_until.insert(Instant::now() + LINGER),
            None => return Poll::Ready(()),
        };
        let mut dropped = [0; 8192];
        loop {
            if self.read_timer.poll_until(deadline, context).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            let received = &buffer.filled()[before..];
            if !received.is_empty() {
                this.has_first_line &= !this.activity.receive();
                this.has_first_line = this.has_first_line || received.contains(&b'\n');
            }
            return Poll::Ready(read);
        }
        let Some((deadline, reason)) = this.read_deadline(context) else { return Poll::Pending };
        ready!(this.read_timer.poll_until(deadline, context));
        if matches!(this.activity.phase(context.waker()), Phase::Header { .. }) {
            // As much as fits at once: the client may not even read.
            let _ = this.stream.try_write(&own_answers::header_timeout(this.header_timeout.as_secs_f64()));
        }
        Poll::Ready(Err(Self::cut(reason)))
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(first) = pieces.iter().find(|piece| !piece.is_empty())
            && this.replaces(first)
        {
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        this.poll_write_paced(context, |stream, context| stream.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_replacement(context))?;
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        this.activity.finish_writing();
        if let Some(requests) = this.activity.requests_ended() {
            this.flushed_requests = Some(requests);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingers_until.is_none() {
            ready!(this.poll_replacement(context))?;
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        ready!(this.poll_linger(context));
        Poll::Ready(Ok(()))
    }
}
