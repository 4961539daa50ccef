//! One client: frames in, answers out, in the order in which they were asked for.
//!
//! What a client costs is bounded whatever it does: a frame's buffer grows with the bytes that arrive, messages go to it in
//! pieces as it takes them, and one that is silent within a frame, or does not read, is given up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::blocking::blocking;
use crate::broker::Broker;
use crate::budget::Claim;
use crate::disk;
use crate::dispatch;
use crate::wire::frame::check_length;
use crate::wire::{Piece, Reply, Unanswerable};

/// How long a client may ask for nothing, as Kafka's `connections.max.idle.ms`.
const IDLE: Duration = Duration::from_secs(600);
/// How long a frame may take to arrive, for each [`FRAME_BYTES`] of it and once for all.
const FRAME: Duration = Duration::from_secs(30);
const FRAME_BYTES: usize = 1024 * 1024;
/// A frame that holds memory for which others wait must come so fast, once that is known of it.
const BYTES_A_SECOND: usize = 64 * 1024;
const KNOWN_AFTER: Duration = Duration::from_secs(2);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a client may not read.
const STALL: Duration = Duration::from_secs(30);
/// How long an answer's bytes wait in memory for a client that does not read, before they are read again.
const PATIENCE: Duration = Duration::from_millis(100);
/// The length and the key at the start of a frame.
const START: usize = 6;
/// Bytes that are read at once.
const READ: usize = 64 * 1024;
/// Bytes of an answer that are in memory at once.
const WRITE: usize = 256 * 1024;
/// How many answers have bytes in memory at once.
pub(super) const WRITERS: usize = 64;

/// Why a connection ended.
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
    /// What came and was not looked at yet.
    buffer: BytesMut,
    writers: Arc<Semaphore>,
}

/// Answers a client until it leaves or does what no client does.
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
        // As Kafka writes hosts.
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
                let in_memory = reply.pieces.iter().map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes.len(),
                    Piece::File(_) => 0,
                });
                claim.grow_to(in_memory.sum()).await;
                self.write(&reply).await?;
            }
        }
    }

    /// The next frame, without its length.
    async fn frame(&mut self, claim: &mut Claim) -> Result<BytesMut, Ended> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            timeout(IDLE, self.fill(1, claim)).await.map_err(|_| Ended::Slow)??;
        }
        timeout(FRAME, self.fill(START, claim)).await.map_err(|_| Ended::Slow)??;
        let mut start = [0; START];
        start.copy_from_slice(&self.buffer[..START]);
        let [a, b, c, d, e, f] = start;
        let length = check_length(i32::from_be_bytes([a, b, c, d]), i16::from_be_bytes([e, f]))?;
        let pieces = u32::try_from(length / FRAME_BYTES).unwrap_or(u32::MAX);
        let limit = FRAME.saturating_mul(pieces.saturating_add(1));
        timeout(limit, self.fill(4 + length, claim)).await.map_err(|_| Ended::Slow)??;
        let mut frame = self.buffer.split_to(4 + length);
        let _length = frame.split_to(4);
        Ok(frame)
    }

    /// Reads until there are so many bytes.
    async fn fill(&mut self, wanted: usize, claim: &mut Claim) -> Result<(), Ended> {
        let began = Instant::now();
        while self.buffer.len() < wanted {
            if self.buffer.is_empty() {
                self.stream.readable().await?;
            } else {
                // By what has come: what is only announced costs nothing.
                claim.grow_to(self.buffer.len()).await;
                if let Ok(ready) = timeout(LOOK, self.stream.readable()).await {
                    ready?;
                }
                if claim.is_wanted() && is_slow(self.buffer.len(), began.elapsed()) {
                    return Err(Ended::Slow);
                }
            }
            // Doubling, so that a large frame is not copied often; not much more than is known to come.
            self.buffer.reserve((wanted - self.buffer.len()).clamp(READ, READ.max(self.buffer.len())));
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(Ended::Closed),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(Ended::Failed(error)),
                // Nothing has come after all: an idle connection keeps no buffer.
                Err(_) if self.buffer.is_empty() => self.buffer = BytesMut::new(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends an answer. Its bytes are in memory only while the client takes them.
    async fn write(&self, reply: &Reply) -> Result<(), Ended> {
        let content: usize = reply.pieces.iter().map(Piece::length).sum();
        let length = i32::try_from(content).map_err(|_| Ended::Slow)?.to_be_bytes();
        let total = content + length.len();
        let mut sent = 0;
        while sent < total {
            timeout(STALL, self.stream.writable()).await.map_err(|_| Ended::Slow)??;
            let Ok(_turn) = self.writers.acquire().await else { return Err(Ended::Closed) };
            let bytes = part(&length, &reply.pieces, sent)?;
            let mut written = 0;
            while written < bytes.len() {
                match self.stream.try_write(&bytes[written..]) {
                    Ok(more) => written += more,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        match timeout(PATIENCE, self.stream.writable()).await {
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
    within >= KNOWN_AFTER && (come as f64) < within.as_secs_f64() * BYTES_A_SECOND as f64
}

/// The answer's bytes from `from` on, up to [`WRITE`] of them.
fn part(length: &[u8], pieces: &[Piece], from: usize) -> io::Result<BytesMut> {
    let mut into = BytesMut::new();
    if let Some(rest) = length.get(from..) {
        into.put_slice(rest);
    }
    let mut start = length.len();
    for piece in pieces {
        let skipped = (from + into.len()).saturating_sub(start);
        start += piece.length();
        let room = WRITE.saturating_sub(into.len());
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

/// Returns when the client has gone. What it sends meanwhile is kept for later, up to a bound.
async fn closed(stream: &TcpStream, buffer: &mut BytesMut) -> Ended {
    loop {
        if buffer.len() >= READ {
            std::future::pending::<()>().await;
        }
        if let Err(error) = stream.readable().await {
            return Ended::Failed(error);
        }
        buffer.reserve(READ - buffer.len());
        match stream.try_read_buf(buffer) {
            Ok(0) => return Ended::Closed,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Ended::Failed(error),
            _ => {}
        }
    }
}
