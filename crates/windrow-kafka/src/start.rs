//! Starting and stopping whichever broker was chosen.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "embedded")]
use crate::choice::check_address;
#[cfg(all(feature = "embedded", feature = "redpanda"))]
use crate::redpanda::find;
#[cfg(feature = "redpanda")]
use crate::redpanda::{Plan, Redpanda};
use crate::{BrokerError, Choice, Connection, topics};
use windrow_base::telemetry::Progress;
#[cfg(feature = "embedded")]
use windrow_kafka_broker::Embedded;

/// The image that is taken when no other is named.
pub const REDPANDA_IMAGE: &str = "redpandadata/redpanda:v25.3.9";
/// How long Redpanda may take from its start to its first answer; it is a few seconds on a quiet machine.
#[cfg(feature = "redpanda")]
const REDPANDA_PATIENCE: Duration = Duration::from_secs(90);
/// How long a broker outside may take to answer: it may be about to start.
const EXTERNAL_PATIENCE: Duration = Duration::from_secs(10);

/// What else starting a broker depends on.
#[derive(Clone)]
pub struct StartOptions {
    /// Where the embedded broker keeps its log; by default nowhere behind its end.
    pub log: LogStorage,
    /// Whether what the embedded broker acknowledges must survive a power cut, and not only a kill; not by default.
    pub sync: bool,
    /// Where the embedded broker listens; by default a free port of 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// The `HOST:PORT` that the embedded broker gives to its clients; by default where it listens, or 127.0.0.1
    /// when that is every address of the machine.
    pub advertise: Option<String>,
    /// The image to take instead of [`REDPANDA_IMAGE`], as `docker pull` takes it.
    pub redpanda_image: Option<String>,
    /// How long Redpanda may take to come up; 90 seconds by default. Pulling its image is not counted.
    pub redpanda_patience: Option<Duration>,
    /// The value of `DOCKER_HOST`, if it is set: containers are reached where the Docker engine is. testcontainers reads the
    /// variable itself, so another value than the environment's has no effect on which engine is asked.
    pub docker_host: Option<String>,
    /// Properties of librdkafka for all clients of the broker.
    pub properties: Vec<(String, String)>,
    /// Receives the events of a pull.
    pub progress: Progress,
}

/// Without the properties, some of which are secrets.
impl fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartOptions").field("log", &self.log).field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            log: LogStorage::Ephemeral(std::env::temp_dir().join("windrow-broker")),
            sync: false,
            listen: None,
            advertise: None,
            redpanda_image: None,
            redpanda_patience: None,
            docker_host: None,
            properties: Vec::new(),
            progress: Progress::default(),
        }
    }
}

#[cfg(feature = "redpanda")]
impl StartOptions {
    fn image(&self) -> &str {
        self.redpanda_image.as_deref().unwrap_or(REDPANDA_IMAGE)
    }
}

/// Where the embedded broker keeps its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogStorage {
    /// In this directory, which outlives the broker.
    Kept(PathBuf),
    /// In a directory within this one, which is removed at the end, and after a kill at the next start.
    Ephemeral(PathBuf),
}

/// A broker that this process started, or one outside. One that was started ends when this is dropped, and in better
/// order by [`Broker::stop`].
#[derive(Debug)]
pub struct Broker {
    connection: Connection,
    reason: String,
    running: Running,
}

#[derive(Debug)]
enum Running {
    #[cfg(feature = "embedded")]
    Embedded(Embedded),
    #[cfg(feature = "redpanda")]
    Redpanda(Redpanda),
    External,
}

impl Broker {
    /// Starts the broker that was chosen and waits until it answers. When this future is dropped, what it has started
    /// by then is removed.
    ///
    /// # Errors
    /// When the broker cannot be had; the error says what to do instead.
    pub async fn start(choice: &Choice, options: &StartOptions) -> Result<Self, BrokerError> {
        match choice {
            Choice::Auto => auto(options).await,
            Choice::Embedded => embedded(options, "the embedded broker, as asked for".to_owned()).await,
            Choice::Redpanda => redpanda(options, "as asked for").await,
            Choice::External(address) => {
                let connection = Connection::new(address).with_properties(options.properties.clone());
                topics::reach(&connection, EXTERNAL_PATIENCE).await?;
                let reason = format!("the broker at {address}, as asked for");
                Ok(Self { connection, reason, running: Running::External })
            }
        }
    }

    /// How to reach it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// `embedded`, `redpanda` or `external`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(_) => "embedded",
            #[cfg(feature = "redpanda")]
            Running::Redpanda(_) => "redpanda",
            Running::External => "external",
        }
    }

    /// Names the log of a broker that was started here: offsets that were read under another name say nothing. None for
    /// a broker outside.
    #[must_use]
    pub fn log(&self) -> Option<String> {
        match &self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(embedded) => Some(embedded.log_id().to_string()),
            // Its messages end with it.
            #[cfg(feature = "redpanda")]
            Running::Redpanda(_) => Some(format!("{:016x}", rand::random::<u64>())),
            Running::External => None,
        }
    }

    /// For how long a broker that was started here has not been able to write, and why.
    #[must_use]
    pub fn trouble(&self) -> Option<(Duration, String)> {
        match &self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(embedded) => embedded.trouble(),
            #[cfg(feature = "redpanda")]
            Running::Redpanda(_) => None,
            Running::External => None,
        }
    }

    /// Which broker was taken and why, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Ends a broker that this process started, within seconds; messages that it does not keep end with it. One outside stays.
    ///
    /// # Errors
    /// When the container cannot be removed.
    pub async fn stop(self) -> Result<(), BrokerError> {
        match self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(embedded) => {
                embedded.stop().await;
                Ok(())
            }
            #[cfg(feature = "redpanda")]
            Running::Redpanda(redpanda) => redpanda.stop().await,
            Running::External => Ok(()),
        }
    }
}

/// Nothing is pulled unasked: Redpanda is taken only if its image is there already.
#[cfg(all(feature = "embedded", feature = "redpanda"))]
async fn auto(options: &StartOptions) -> Result<Broker, BrokerError> {
    let image = options.image();
    let present = match find(image, options.docker_host.as_deref()).await {
        Ok((_, Some(_))) => {
            redpanda(options, "which is on this machine; --broker embedded needs no container").await.map(Some)
        }
        Ok((_, None)) => Ok(None),
        Err(error) => Err(error),
    };
    let obstacle = match present {
        Ok(Some(broker)) => return Ok(broker),
        Ok(None) | Err(BrokerError::NoImage { .. }) => {
            format!("image {image} is not on this machine; --broker redpanda pulls it")
        }
        Err(BrokerError::NoDocker { .. }) => {
            "no Docker engine answers; for Redpanda, start Docker and give --broker redpanda".to_owned()
        }
        Err(BrokerError::DockerDenied { .. }) => {
            "this user may not use the Docker engine; --broker redpanda says how to change that".to_owned()
        }
        Err(BrokerError::Container { fault, .. }) => {
            format!("the container of image {image} {fault}; --broker redpanda shows its log")
        }
        Err(error) => error.to_string(),
    };
    embedded(options, format!("the embedded broker, since {obstacle}")).await
}

#[cfg(not(all(feature = "embedded", feature = "redpanda")))]
async fn auto(options: &StartOptions) -> Result<Broker, BrokerError> {
    if cfg!(feature = "redpanda") {
        redpanda(options, "the only broker that this windrow was built with").await
    } else {
        embedded(options, "the embedded broker, the only one that this windrow was built with".to_owned()).await
    }
}

#[cfg(feature = "embedded")]
async fn embedded(options: &StartOptions, reason: String) -> Result<Broker, BrokerError> {
    let listen = options.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let advertise = options.advertise.as_deref().map(advertised).transpose()?;
    let storage = match &options.log {
        LogStorage::Kept(folder) => windrow_kafka_broker::Storage::Kept(folder.clone()),
        LogStorage::Ephemeral(folder) => windrow_kafka_broker::Storage::Ephemeral(folder.clone()),
    };
    let (is_durable, clock) = (options.sync, windrow_kafka_broker::Clock::system());
    let started =
        Embedded::start(windrow_kafka_broker::Options { listen, advertise, storage, is_durable, clock }).await;
    let embedded = started.map_err(|error| match error {
        windrow_kafka_broker::StartError::Listen { address, source } => {
            BrokerError::Listen { address, reason: source.to_string() }
        }
        error => BrokerError::Embedded { reason: error.to_string() },
    })?;
    if !listen.ip().is_loopback() {
        tracing::warn!(
            address = %listen,
            "the embedded broker can be reached from other machines, and has neither TLS nor authentication"
        );
    }
    let connection = Connection::new(embedded.bootstrap()).with_properties(options.properties.clone());
    Ok(Broker { connection, reason, running: Running::Embedded(embedded) })
}

/// The host and the port of `HOST:PORT`.
#[cfg(feature = "embedded")]
fn advertised(given: &str) -> Result<(String, u16), BrokerError> {
    let refused = |reason| BrokerError::Advertise { given: given.to_owned(), reason };
    check_address(given).map_err(refused)?;
    let address = given.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    address.ok_or_else(|| refused("it has no port".to_owned()))
}

#[cfg(not(feature = "embedded"))]
async fn embedded(_options: &StartOptions, _reason: String) -> Result<Broker, BrokerError> {
    Err(BrokerError::NotBuilt { feature: "embedded" })
}

#[cfg(feature = "redpanda")]
async fn redpanda(options: &StartOptions, why: &str) -> Result<Broker, BrokerError> {
    let redpanda = Redpanda::start(Plan {
        image: options.image().to_owned(),
        patience: options.redpanda_patience.unwrap_or(REDPANDA_PATIENCE),
        docker_host: options.docker_host.clone(),
        progress: options.progress.clone(),
    });
    let redpanda = redpanda.await?;
    let connection = Connection::new(redpanda.address()).with_properties(options.properties.clone());
    let reason = format!("Redpanda in a container of image {}, {why}", options.image());
    Ok(Broker { connection, reason, running: Running::Redpanda(redpanda) })
}

#[cfg(not(feature = "redpanda"))]
async fn redpanda(_options: &StartOptions, _why: &str) -> Result<Broker, BrokerError> {
    Err(BrokerError::NotBuilt { feature: "redpanda" })
}

/// A build with one broker, or none. `tests/it/redpanda.rs` has the build with both.
#[cfg(all(test, not(all(feature = "embedded", feature = "redpanda"))))]
mod tests {
    use super::*;

    fn auto_with(docker_host: &str) -> Result<Broker, BrokerError> {
        let options = StartOptions { docker_host: Some(docker_host.to_owned()), ..StartOptions::default() };
        tokio::runtime::Runtime::new().expect("a runtime").block_on(Broker::start(&Choice::Auto, &options))
    }

    #[test]
    fn auto_is_the_broker_that_was_built_in() {
        let started = auto_with("nonsense");
        if cfg!(feature = "embedded") {
            let broker = started.expect("the embedded broker");
            assert_eq!(broker.kind(), "embedded");
            assert_eq!(broker.reason(), "the embedded broker, the only one that this windrow was built with");
        } else if cfg!(feature = "redpanda") {
            let error = started.expect_err("no engine can be asked");
            assert!(matches!(error, BrokerError::NoDocker { .. }), "{error}");
        } else {
            assert_eq!(started.expect_err("no broker"), BrokerError::NotBuilt { feature: "embedded" });
        }
    }
}
