//! The body of a request. The server reads and discards the part that the application leaves unread. Otherwise, a
//! client that still sends would lose the answer with its connection.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::request::pace;

/// Maximum size of the rest of a body that is discarded, in bytes.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// Maximum pause of the client. After it, the client is assumed to wait for its answer.
const MAX_CLIENT_PAUSE: Duration = Duration::from_millis(500);
/// Maximum time to discard the rest of a body.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// A body that the application reads. The server can read the rest.
#[derive(Debug, Clone)]
pub(crate) struct SharedIncoming(Arc<Mutex<BodyState>>);

#[derive(Debug)]
struct BodyState {
    body: Incoming,
    is_begun: bool,
}

impl SharedIncoming {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(BodyState { body, is_begun: false })))
    }

    /// Reads and discards the rest within the limits. A client that waits for `100 Continue` (`waits`) has sent nothing
    /// if nothing was read.
    pub(crate) async fn discard_rest(&self, waits: bool) {
        let is_over = {
            let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            reading.body.is_end_stream() || (waits && !reading.is_begun)
        };
        if is_over {
            return;
        }
        let rest = async {
            let (mut body, mut length) = (self.clone(), 0);
            loop {
                let Ok(Some(Ok(frame))) = tokio::time::timeout(MAX_CLIENT_PAUSE, body.frame()).await else { break };
                let before = length;
                length += frame.data_ref().map_or(0, Bytes::len);
                if length > MAX_DISCARDED_BYTES {
                    break;
                }
                pace(before, length).await;
            }
        };
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, rest).await;
    }
}

impl Body for SharedIncoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.is_begun = true;
        Pin::new(&mut reading.body).poll_frame(cx).map_err(io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}
