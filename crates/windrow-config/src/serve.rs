//! The `[serve]` table: the address and the limits of the server.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use smart_default::SmartDefault;

use crate::listen::ListenAddress;
use crate::values::{Checked, DurationText, OneOrMany, at_least_one, ensure, list, positive};

/// The address and the limits of the server, which serves the API and the pages.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Serve {
    /// The address and port to listen on. A host name is resolved when the server starts; its IPv4 address is preferred. A port
    /// without a host is that of 127.0.0.1, and `:8080` is the port 8080 of every IPv4 address of the machine. If this key is not
    /// given and the default port is taken, a free port is used.
    #[default(ListenAddress::local(8080))]
    #[schemars(with = "String", example = &"0.0.0.0:8080")]
    pub listen: ListenAddress,
    /// True if `listen` was given, in the file or on the command line.
    #[serde(skip)]
    pub is_listen_chosen: bool,
    /// The maximum number of rows in a batch request.
    #[default = 100_000]
    #[garde(custom(at_least_one))]
    #[schemars(range(min = 1), example = 1000)]
    pub max_rows: usize,
    /// The maximum size of a request body, as in `32MiB`.
    #[default(ByteSize::mib(32))]
    #[serde(deserialize_with = "size")]
    #[garde(custom(check_body_size))]
    #[schemars(with = "String", example = &"1MiB")]
    pub max_body: ByteSize,
    /// The time limit of a request, which includes the arrival of its body.
    #[default(Duration::from_secs(30))]
    #[serde(with = "humantime_serde")]
    #[garde(custom(positive))]
    #[schemars(with = "DurationText", example = &"10s")]
    pub timeout: Duration,
    /// The time limit for the arrival of a request's head.
    #[default(Duration::from_secs(10))]
    #[serde(with = "humantime_serde")]
    #[garde(custom(positive))]
    #[schemars(with = "DurationText", example = &"5s")]
    pub head_timeout: Duration,
    /// The maximum time for which an idle connection stays open between two requests.
    // Longer than the minute for which load balancers keep connections by default: they close first.
    #[default(Duration::from_secs(75))]
    #[serde(with = "humantime_serde")]
    #[garde(custom(positive))]
    #[schemars(with = "DurationText", example = &"2m")]
    pub idle_timeout: Duration,
    /// The maximum time for which a client may read nothing of its response.
    #[default(Duration::from_secs(30))]
    #[serde(with = "humantime_serde")]
    #[garde(custom(positive))]
    #[schemars(with = "DurationText", example = &"10s")]
    pub send_timeout: Duration,
    /// The maximum number of requests per second for each API key. By default, unlimited.
    #[schemars(example = 100)]
    pub requests_per_second: Option<NonZeroU32>,
    /// The maximum number of requests that are processed at once. Further requests are rejected with status 503.
    #[default = 512]
    #[garde(custom(at_least_one))]
    #[schemars(range(min = 1), example = 64)]
    pub concurrency: usize,
    /// The maximum number of open connections.
    #[default = 1024]
    #[garde(custom(at_least_one))]
    #[schemars(range(min = 1), example = 256)]
    pub connections: usize,
    /// The file with the API keys, relative to the folder of the pipeline file. Without it, and without keys in the environment
    /// (`WINDROW_API_KEYS`), no key is required.
    #[schemars(example = &"keys.toml")]
    pub keys: Option<PathBuf>,
    /// The certificate and the private key for HTTPS, as PEM files.
    pub tls: Option<Tls>,
    /// The origins whose pages may call the API from a browser.
    #[serde(deserialize_with = "list")]
    #[garde(inner(custom(origin)))]
    #[schemars(with = "OneOrMany<String>", example = vec!["https://example.org"])]
    pub cors: Vec<String>,
    /// True to log every request.
    #[schemars(example = true)]
    pub access_log: bool,
}

/// PEM files for HTTPS. Their paths are relative to the folder of the pipeline file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The file with the certificate, followed by the intermediate certificates of its chain.
    #[schemars(example = &"server.pem")]
    pub certificate: PathBuf,
    /// The file with the private key of the certificate.
    #[schemars(example = &"server.key")]
    pub key: PathBuf,
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not a size, as in 32MiB")))
}

/// The minimum of `max_body`. A smaller body could not hold one row.
const MIN_BODY_SIZE: ByteSize = ByteSize::kib(1);

fn check_body_size(body: &ByteSize, (): &()) -> Checked {
    ensure(*body >= MIN_BODY_SIZE, "must be a size of at least 1 KiB, as in \"32MiB\"")
}

/// Checks that a text has the form of the header `Origin`: scheme, host and port.
fn origin(text: &str, (): &()) -> Checked {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_origin = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*?#@,".contains(&byte));
    ensure(is_origin, format!("`{text}` is not an origin, as in https://example.org (no path, no wildcard)"))
}
