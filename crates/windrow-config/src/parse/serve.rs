//! The `[serve]` table.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;

use crate::duration::Written;
use crate::parse::{Check, resolve};
use crate::pipeline::{Serve, Tls};
use crate::raw;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_MAX_ROWS: u32 = 100_000;
const DEFAULT_MAX_BODY: ByteSize = ByteSize::mib(32);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the minute for which load balancers keep connections by default: they close first.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(75);
const DEFAULT_SEND_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_CONCURRENCY: u32 = 512;
const DEFAULT_CONNECTIONS: u32 = 1024;
/// A body of fewer bytes could not hold one row.
const SMALLEST_BODY: u64 = 1024;

impl Check<'_> {
    pub(super) fn serve(&mut self, folder: &Path, raw: raw::Serve) -> Option<Serve> {
        let text = raw.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
        let listen = text.parse().ok();
        if listen.is_none() {
            self.fault("serve.listen", format!("`{text}` is not an address and port, as in {DEFAULT_LISTEN}"));
        }
        let mut count = |key: &str, given: Option<u32>, default: u32| {
            if given == Some(0) {
                self.fault(&format!("serve.{key}"), "must be at least 1");
            }
            // A count of 32 bits fits wherever this runs.
            given.unwrap_or(default) as usize
        };
        let max_rows = count("max_rows", raw.max_rows, DEFAULT_MAX_ROWS);
        let concurrency = count("concurrency", raw.concurrency, DEFAULT_CONCURRENCY);
        let connections = count("connections", raw.connections, DEFAULT_CONNECTIONS);
        let max_body = raw.max_body.map_or(Some(DEFAULT_MAX_BODY), |text| text.parse().ok());
        if max_body.is_none_or(|size: ByteSize| size.as_u64() < SMALLEST_BODY) {
            self.fault("serve.max_body", "must be a size of at least 1 KiB, as in \"32MiB\"");
        }
        let mut duration = |key: &str, given: Option<Written>, default: Duration| {
            let duration = given.map_or(default, |written| written.0);
            if duration.is_zero() {
                self.fault(&format!("serve.{key}"), "must be more than 0s");
            }
            duration
        };
        let timeout = duration("timeout", raw.timeout, DEFAULT_TIMEOUT);
        let head_timeout = duration("head_timeout", raw.head_timeout, DEFAULT_HEAD_TIMEOUT);
        let idle_timeout = duration("idle_timeout", raw.idle_timeout, DEFAULT_IDLE_TIMEOUT);
        let send_timeout = duration("send_timeout", raw.send_timeout, DEFAULT_SEND_TIMEOUT);
        let requests_per_second = raw.requests_per_second.and_then(NonZeroU32::new);
        if raw.requests_per_second == Some(0) {
            self.fault("serve.requests_per_second", "must be at least 1; leave it out for no limit");
        }
        for (index, origin) in raw.cors.iter().enumerate() {
            if !is_origin(origin) {
                let problem = format!("`{origin}` is not an origin, as in https://example.org (no path, no wildcard)");
                self.fault(&format!("serve.cors[{index}]"), problem);
            }
        }
        let tls =
            raw.tls.map(|tls| Tls { certificate: resolve(folder, tls.certificate), key: resolve(folder, tls.key) });
        Some(Serve {
            listen: listen?,
            is_listen_chosen: raw.listen.is_some(),
            max_rows,
            max_body: usize::try_from(max_body?.as_u64()).unwrap_or(usize::MAX),
            timeout,
            head_timeout,
            idle_timeout,
            send_timeout,
            requests_per_second,
            concurrency,
            connections,
            keys: raw.keys.map(|path| resolve(folder, path)),
            tls,
            cors: raw.cors,
            access_log: raw.access_log.unwrap_or(false),
        })
    }
}

/// What a browser sends as `Origin`: scheme, host and port, and nothing behind them.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*?#@,".contains(&byte))
    })
}
