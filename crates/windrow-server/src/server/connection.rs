//! One connection: passes its requests to the application, and sends the answers within the limits.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::endpoint::BoxEndpoint;
use poem::http::header::{CONTENT_LENGTH, EXPECT};
use poem::http::uri::Scheme;
use poem::http::{Method, StatusCode, Version};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoResponse, Request, RequestParts, Response};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, Phase};
use crate::answer::SharedBody;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::request::{Limits, RequestScope, SMALL_BODY};
use crate::server::incoming::SharedIncoming;
use crate::server::tls::{Certificate, Stream};

/// Maximum size of a connection's read buffer and write buffer, in bytes. It also limits the request head.
const BUFFER_BYTES: usize = 32 * 1024;
/// Size of the pieces of an answer, in bytes.
const PIECE_BYTES: usize = 16 * 1024;
/// Maximum number of concurrent requests on an HTTP/2 connection.
const MAX_STREAMS: u32 = 64;
/// Flow-control window of an HTTP/2 connection, in bytes. All its request bodies share it.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Maximum size of an HTTP/2 request head, in bytes.
const MAX_HEAD_BYTES: u32 = 16 * 1024;
/// The media type of an event stream.
const EVENT_STREAM: &str = "text/event-stream";
/// Interval of the pings on an HTTP/2 connection, and the time limit of their answers.
const PING_TIMES: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(10)];

pub(crate) struct Handler {
    endpoint: BoxEndpoint<'static, Response>,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    protocol: auto::Builder<TokioExecutor>,
}

impl Handler {
    pub(crate) fn new(endpoint: BoxEndpoint<'static, Response>, limits: Limits, metrics: Arc<Metrics>) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        // Most answers are small. They are copied after their heads and sent in one piece. A client that has closed its
        // sending half of the connection can still read.
        protocol.http1().max_buf_size(BUFFER_BYTES).writev(false).half_close(true);
        protocol
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(PING_TIMES[0]))
            .keep_alive_timeout(PING_TIMES[1])
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(CONNECTION_WINDOW / 4)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(BUFFER_BYTES)
            .max_header_list_size(MAX_HEAD_BYTES);
        Self { endpoint, limits: Arc::new(limits), metrics, protocol }
    }

    /// Serves a connection until either side closes it. After `stop`, finishes its requests and closes it.
    pub(crate) async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        certificate: Option<Arc<Certificate>>,
        address: SocketAddr,
        activity: Arc<Activity>,
        stop: CancellationToken,
    ) {
        let (scheme, stream) = match certificate {
            None => (Scheme::HTTP, Stream::Left(tcp)),
            // The handshake runs in the task of the connection, so a slow client delays no other.
            Some(certificate) => match stop.run_until_cancelled(certificate.accept(tcp)).await {
                Some(Ok(stream)) => (Scheme::HTTPS, stream),
                _ => return,
            },
        };
        let watched = Arc::clone(&activity);
        let received = move |bytes: &[u8]| {
            if !bytes.is_empty() {
                watched.received();
            }
        };
        let io = TokioIo::new(InspectReader::new(stream, received));
        let handler = Arc::clone(&self);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            if request.version() == Version::HTTP_2 {
                activity.set_multiplexed();
            }
            let scope = RequestScope::new(Arc::clone(&handler.limits), Arc::clone(&activity));
            Arc::clone(&handler).answer(request, address, scheme.clone(), scope)
        });
        let mut connection = pin!(self.protocol.serve_connection(io, service));
        // Errors of a connection are ignored, because its requests are already in the log.
        if stop.run_until_cancelled(connection.as_mut()).await.is_some() {
            return;
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        address: SocketAddr,
        scheme: Scheme,
        scope: Arc<RequestScope>,
    ) -> Result<hyper::Response<Outgoing>, Infallible> {
        let mut delivery = Delivery { handler: Arc::clone(&self), is_over: false };
        let address = Addr::SocketAddr(address);
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Arc::clone(&scope));
        let (waits, is_head) = (parts.headers.contains_key(EXPECT), parts.method == Method::HEAD);
        let parts = RequestParts::from((parts, LocalAddr(address.clone()), RemoteAddr(address), scheme));
        // Most requests without a body declare that they have none.
        let incoming = (!body.is_end_stream()).then(|| SharedIncoming::new(body));
        let body = incoming.clone().map_or_else(poem::Body::empty, |body| BoxBody::new(body).into());
        let request = Request::from_parts(parts, body);
        let mut response = self.endpoint.call(request).await.unwrap_or_else(|error| error.into_response());
        // After a timeout of the body, the server does not wait for the rest of it.
        if let Some(incoming) = incoming.filter(|_| response.status() != StatusCode::REQUEST_TIMEOUT) {
            scope.phase.set(Phase::Receiving);
            incoming.discard_rest(waits).await;
        }
        let is_shared = response.data::<SharedBody>().is_some();
        let mut body = BoxBody::from(response.take_body());
        if is_head {
            // hyper drops the body over HTTP/1 only; over HTTP/2 a client treats it as an error.
            if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
            }
            body = poem::Body::empty().into();
        }
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut memory = None;
        if length > SMALL_BODY && !is_shared {
            match self.limits.reserve(length) {
                Ok(reserved) => memory = Some(reserved),
                Err(ApiError(problem)) => {
                    response = (*problem).into_response();
                    body = response.take_body().into();
                }
            }
        }
        scope.phase.set(Phase::Sending);
        // An event stream ends only when its client disconnects.
        let is_over = body.is_end_stream() || response.content_type() == Some(EVENT_STREAM);
        delivery.is_over = is_over && !scope.is_cut_short();
        let response = hyper::Response::<BoxBody<Bytes, io::Error>>::from(response);
        Ok(response.map(|_| Outgoing { body, rest: Bytes::new(), scope, delivery, _memory: memory }))
    }
}

/// An answer that is being sent. It is sent in pieces, so that only what the client reads is buffered.
struct Outgoing {
    body: BoxBody<Bytes, io::Error>,
    /// The unsent rest of the last frame.
    rest: Bytes,
    scope: Arc<RequestScope>,
    delivery: Delivery,
    /// The memory reserved for a large answer.
    _memory: Option<OwnedSemaphorePermit>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => {
                    self.delivery.is_over |= end.is_none();
                    return Poll::Ready(end);
                }
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        self.scope.phase.record_progress();
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.delivery.is_over |= self.is_end_stream() && !self.scope.is_cut_short();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// Counts a disconnect on drop, unless the whole answer was sent.
struct Delivery {
    handler: Arc<Handler>,
    is_over: bool,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_over {
            self.handler.metrics.disconnects.inc();
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.scope.phase.set(Phase::None);
    }
}
