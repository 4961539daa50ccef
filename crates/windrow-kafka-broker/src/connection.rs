//! The connection of one client: reads frames and writes answers in the order of the requests.
//!
//! The cost of a client is bounded. The buffer of a frame grows with the bytes that arrive. Messages are sent in pieces
//! as the client reads them. A client that stops within a frame, or does not read, is disconnected.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::blocking::blocking;
use crate::broker::Broker;
use crate::budget::Claim;
use crate::disk;
use crate::dispatch;
use crate::wire::frame::check_length;
use crate::wire::{Piece, Unanswerable};

/// The maximum time between two requests; the default of Kafka's `connections.max.idle.ms`.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// The time limit for a frame to arrive: this duration, plus this duration for each [`FRAME_BYTES`] of the frame.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
const FRAME_BYTES: usize = 1024 * 1024;
/// The minimum rate of a frame that holds memory for which others wait. It is checked after [`RATE_GRACE`].
const MIN_BYTES_PER_SECOND: usize = 64 * 1024;
const RATE_GRACE: Duration = Duration::from_secs(2);
/// The time between two checks of the rate.
const RATE_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The maximum time that a client may stop reading.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum time that bytes of an answer wait in memory for a client that does not read. They are dropped and read
/// again later.
const BUFFER_TIMEOUT: Duration = Duration::from_millis(100);
/// The size of the length and the key at the start of a frame, in bytes.
const FRAME_START: usize = 6;
/// The number of bytes for one read.
const READ_BYTES: usize = 64 * 1024;
/// The maximum number of bytes of one answer in memory.
const WRITE_BYTES: usize = 256 * 1024;
/// The maximum number of answers that have bytes in memory at the same time.
pub(super) const MAX_WRITERS: usize = 64;

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it was closed")]
    Closed,
    #[error("{0}")]
    Failed(#[from] io::Error),
    #[error("it is too slow")]
    Slow,
    #[error("{0}")]
    Refused(#[from] Unanswerable),
}

struct Connection {
    stream: TcpStream,
    /// The bytes that have arrived and are not yet processed.
    buffer: BytesMut,
    writers: Arc<Semaphore>,
}

/// Answers a client until it disconnects or violates the protocol.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, broker: Arc<Broker>, writers: Arc<Semaphore>) {
    let mut connection = Connection { stream, buffer: BytesMut::new(), writers };
    match connection.run(&broker, peer).await {
        Err(Ended::Closed) => {}
        Err(ended) => tracing::debug!(%peer, reason = %ended, "a connection ended"),
        Ok(never) => match never {},
    }
}

impl Connection {
    async fn run(&mut self, broker: &Broker, peer: SocketAddr) -> Result<std::convert::Infallible, Ended> {
        // Kafka writes hosts with a leading slash.
        let host = format!("/{}", peer.ip());
        loop {
            let mut claim = broker.requests.claim();
            let frame = self.frame(&mut claim).await?;
            let (stream, buffer) = (&self.stream, &mut self.buffer);
            let reply = tokio::select! {
                biased;
                reply = Box::pin(dispatch::answer(broker, frame, &host, &mut claim)) => reply?,
                ended = closed(stream, buffer) => return Err(ended),
            };
            drop(claim);
            if let Some(reply) = reply {
                let mut claim = broker.answers.claim();
                let in_memory = reply.iter().map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes.len(),
                    Piece::File(_) => 0,
                });
                claim.grow_to(in_memory.sum()).await;
                self.write(&reply).await?;
            }
        }
    }

    /// Returns the next frame, without its length.
    async fn frame(&mut self, claim: &mut Claim) -> Result<BytesMut, Ended> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            timeout(IDLE_TIMEOUT, self.fill(1, claim)).await.map_err(|_| Ended::Slow)??;
        }
        timeout(FRAME_TIMEOUT, self.fill(FRAME_START, claim)).await.map_err(|_| Ended::Slow)??;
        let mut start = &self.buffer[..FRAME_START];
        let length = check_length(start.get_i32(), start.get_i16())?;
        let pieces = u32::try_from(length / FRAME_BYTES).unwrap_or(u32::MAX);
        let limit = FRAME_TIMEOUT.saturating_mul(pieces.saturating_add(1));
        timeout(limit, self.fill(4 + length, claim)).await.map_err(|_| Ended::Slow)??;
        let mut frame = self.buffer.split_to(4 + length);
        let _length = frame.split_to(4);
        Ok(frame)
    }

    /// Reads until the buffer has `wanted` bytes.
    async fn fill(&mut self, wanted: usize, claim: &mut Claim) -> Result<(), Ended> {
        let began = Instant::now();
        while self.buffer.len() < wanted {
            if self.buffer.is_empty() {
                self.stream.readable().await?;
            } else {
                // The claim grows with the bytes that have arrived, not with the announced length.
                claim.grow_to(self.buffer.len()).await;
                if let Ok(ready) = timeout(RATE_CHECK_INTERVAL, self.stream.readable()).await {
                    ready?;
                }
                if claim.is_wanted() && is_slow(self.buffer.len(), began.elapsed()) {
                    return Err(Ended::Slow);
                }
            }
            // The buffer doubles, so that a large frame is rarely copied. It does not grow much beyond the expected
            // bytes.
            self.buffer.reserve((wanted - self.buffer.len()).clamp(READ_BYTES, READ_BYTES.max(self.buffer.len())));
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(Ended::Closed),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(Ended::Failed(error)),
                // No bytes arrived. An idle connection keeps no buffer.
                Err(_) if self.buffer.is_empty() => self.buffer = BytesMut::new(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends an answer. Its bytes are in memory only while the client reads them.
    async fn write(&self, reply: &[Piece]) -> Result<(), Ended> {
        let content: usize = reply.iter().map(Piece::length).sum();
        let length = i32::try_from(content).map_err(|_| Ended::Slow)?.to_be_bytes();
        let total = content + length.len();
        let mut sent = 0;
        while sent < total {
            timeout(STALL_TIMEOUT, self.stream.writable()).await.map_err(|_| Ended::Slow)??;
            let Ok(_turn) = self.writers.acquire().await else { return Err(Ended::Closed) };
            let bytes = part(&length, reply, sent)?;
            let mut written = 0;
            while written < bytes.len() {
                match self.stream.try_write(&bytes[written..]) {
                    Ok(more) => written += more,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        match timeout(BUFFER_TIMEOUT, self.stream.writable()).await {
                            Ok(ready) => ready?,
                            Err(_) => break,
                        }
                    }
                    Err(error) => return Err(Ended::Failed(error)),
                }
            }
            sent += written;
        }
        Ok(())
    }
}

fn is_slow(come: usize, within: Duration) -> bool {
    within >= RATE_GRACE && (come as f64) < within.as_secs_f64() * MIN_BYTES_PER_SECOND as f64
}

/// Returns up to [`WRITE_BYTES`] bytes of the answer, starting at `from`.
fn part(length: &[u8], pieces: &[Piece], from: usize) -> io::Result<BytesMut> {
    let mut into = BytesMut::new();
    if let Some(rest) = length.get(from..) {
        into.put_slice(rest);
    }
    let mut start = length.len();
    for piece in pieces {
        let skipped = (from + into.len()).saturating_sub(start);
        start += piece.length();
        let room = WRITE_BYTES.saturating_sub(into.len());
        let wanted = piece.length().saturating_sub(skipped).min(room);
        if wanted == 0 {
            continue;
        }
        match piece {
            Piece::Bytes(bytes) => into.put_slice(bytes.get(skipped..skipped + wanted).unwrap_or_default()),
            Piece::File(range) => {
                let filled = into.len();
                into.resize(filled + wanted, 0);
                let at = range.position + skipped as u64;
                blocking(|| disk::read_exact(&range.file, at, &mut into[filled..]))?;
            }
        }
    }
    Ok(into)
}

/// Returns when the client has disconnected. Bytes that arrive before are kept for later, up to a limit.
async fn closed(stream: &TcpStream, buffer: &mut BytesMut) -> Ended {
    loop {
        if buffer.len() >= READ_BYTES {
            std::future::pending::<()>().await;
        }
        if let Err(error) = stream.readable().await {
            return Ended::Failed(error);
        }
        buffer.reserve(READ_BYTES - buffer.len());
        match stream.try_read_buf(buffer) {
            Ok(0) => return Ended::Closed,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Ended::Failed(error),
            _ => {}
        }
    }
}
