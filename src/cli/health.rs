//! `windrow health`: checks whether a server answers, for containers and similar environments that have no HTTP client.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cli::args::HealthArgs;
use crate::cli::error::CliError;
use crate::cli::print::stdout;

/// The time limit of the request. A slower server counts as not healthy.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum size of a health response, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

pub(crate) async fn execute(args: &HealthArgs) -> Result<(), CliError> {
    let path = if args.ready { "/health/ready" } else { "/health/live" };
    let asked = timeout(REQUEST_TIMEOUT, ask(&args.address, path)).await;
    let failed = |reason: &str| CliError::Failed(format!("the server at {} {reason}", args.address));
    match asked {
        Err(_) => Err(failed(&format!("does not answer within {} s", REQUEST_TIMEOUT.as_secs()))),
        Ok(Err(error)) => Err(failed(&format!("does not answer: {error}"))),
        Ok(Ok((200, _))) => stdout(&format!("{path}: 200\n")),
        Ok(Ok((status, body))) => Err(failed(&format!("answers {path} with {status}: {}", body.trim()))),
    }
}

async fn ask(address: &str, path: &str) -> io::Result<(u16, String)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = hyper::Request::get(path).header("host", address).body(Empty::<Bytes>::new());
    let asking = async {
        let answer = sender.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_RESPONSE_BYTES).collect().await.map_err(io::Error::other)?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    tokio::pin!(connection);
    tokio::select! {
        answer = asking => answer,
        // The connection ends first only if the server closes it.
        ended = &mut connection => Err(ended.err().map_or_else(|| io::ErrorKind::UnexpectedEof.into(), io::Error::other)),
    }
}
