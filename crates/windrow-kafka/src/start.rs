//! Starts and stops the broker that was chosen.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(feature = "embedded")]
use crate::choice::split_address;
#[cfg(all(feature = "embedded", feature = "redpanda"))]
use crate::redpanda::find;
#[cfg(feature = "redpanda")]
use crate::redpanda::{ContainerSpec, Redpanda};
use crate::{BrokerError, Choice, Connection, topics};
use windrow_base::telemetry::Progress;
#[cfg(feature = "embedded")]
use windrow_kafka_broker::{Embedded, StartError};

/// The default image of Redpanda.
pub const REDPANDA_IMAGE: &str = "redpandadata/redpanda:v25.3.9";
/// The time limit from the start of Redpanda to its first answer. On a quiet machine, it takes a few seconds.
#[cfg(feature = "redpanda")]
const REDPANDA_START_TIMEOUT: Duration = Duration::from_secs(90);
/// The time limit for an external broker to answer, since it may be starting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The options for the start of a broker.
#[derive(Clone, Default)]
pub struct StartOptions {
    /// The storage of the embedded broker's log. By default, the log is removed when the broker ends.
    pub log: LogStorage,
    /// True if messages that the embedded broker acknowledges must survive a power failure, and not only a kill. By
    /// default, false.
    pub sync: bool,
    /// The address on which the embedded broker listens. By default, a free port of 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// The `HOST:PORT` that the embedded broker gives to its clients. By default, the address on which it listens, or
    /// 127.0.0.1 if it listens on every address of the machine.
    pub advertise: Option<String>,
    /// The image to use instead of [`REDPANDA_IMAGE`], in the form that `docker pull` takes.
    pub redpanda_image: Option<String>,
    /// The time limit for Redpanda to start, without the pull of its image. By default, 90 seconds.
    pub redpanda_timeout: Option<Duration>,
    /// The value of `DOCKER_HOST`, if it is set. Containers are reached on the Docker engine's machine. testcontainers
    /// reads the variable itself, so a different value here does not select a different engine.
    pub docker_host: Option<String>,
    /// Properties of librdkafka for all clients of the broker.
    pub properties: Vec<(String, String)>,
    /// Receives the events of a pull.
    pub progress: Progress,
}

/// Omits the properties, because some of them are secrets.
impl fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartOptions").field("log", &self.log).field("listen", &self.listen).finish_non_exhaustive()
    }
}

#[cfg(feature = "redpanda")]
impl StartOptions {
    fn image(&self) -> &str {
        self.redpanda_image.as_deref().unwrap_or(REDPANDA_IMAGE)
    }
}

/// The storage of the embedded broker's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogStorage {
    /// This directory, which is kept after the broker ends.
    Kept(PathBuf),
    /// A directory inside this one. It is removed when the broker ends, or at the next start after a kill.
    Ephemeral(PathBuf),
}

impl Default for LogStorage {
    fn default() -> Self {
        Self::Ephemeral(std::env::temp_dir().join("windrow-broker"))
    }
}

/// Returns true if a running broker keeps its log in this directory.
#[cfg(feature = "embedded")]
#[must_use]
pub fn is_log_in_use(folder: &Path) -> bool {
    windrow_kafka_broker::is_in_use(folder)
}

/// Returns true if a running broker keeps its log in this directory.
#[cfg(not(feature = "embedded"))]
#[must_use]
pub fn is_log_in_use(_: &Path) -> bool {
    false
}

/// A running broker, which this process started or which is external. Dropping it ends a broker that was started here.
/// Prefer [`Broker::stop`], which ends it in order and reports errors.
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
    /// Starts the chosen broker and waits until it answers. If this future is dropped, everything that it has started
    /// is removed.
    ///
    /// # Errors
    /// The broker cannot be started, or it does not answer. The error says what to do instead.
    pub async fn start(choice: &Choice, options: &StartOptions) -> Result<Self, BrokerError> {
        match choice {
            Choice::Auto => auto(options).await,
            Choice::Embedded => embedded(options, "the embedded broker, as requested".to_owned()).await,
            Choice::Redpanda => redpanda(options, "as requested").await,
            Choice::External(address) => {
                let connection = Connection::new(address).with_properties(options.properties.clone());
                topics::wait_for_broker(&connection, CONNECT_TIMEOUT).await?;
                let reason = format!("the broker at {address}, as requested");
                Ok(Self { connection, reason, running: Running::External })
            }
        }
    }

    /// The connection to the broker.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The kind of the broker: `embedded`, `redpanda` or `external`.
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

    /// The name of the broker's log, if the broker was started here. Offsets that were read under another name are not
    /// valid. `None` for an external broker.
    #[must_use]
    pub fn log_id(&self) -> Option<String> {
        match &self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(embedded) => Some(embedded.log_id().to_string()),
            // The messages of a container are removed with it, so no other log may have the same name.
            #[cfg(feature = "redpanda")]
            Running::Redpanda(_) => Some(format!("{:016x}", rand::random::<u64>())),
            Running::External => None,
        }
    }

    /// The time since the embedded broker was last able to write, and the reason. `None` if it can write, and for other
    /// brokers.
    #[must_use]
    pub fn write_failure(&self) -> Option<(Duration, String)> {
        match &self.running {
            #[cfg(feature = "embedded")]
            Running::Embedded(embedded) => embedded.write_failure(),
            #[cfg(feature = "redpanda")]
            Running::Redpanda(_) => None,
            Running::External => None,
        }
    }

    /// The broker that was chosen and the reason, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Stops a broker that this process started, within seconds. Messages that it does not keep are lost. An external
    /// broker is not stopped.
    ///
    /// # Errors
    /// The container cannot be removed.
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

/// Starts Redpanda if its image is on this machine. Starts the embedded broker if it is not, or if Redpanda cannot be
/// started. Pulls no image, because the user did not request one.
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
            "this user may not use the Docker engine; --broker redpanda explains how to change that".to_owned()
        }
        Err(BrokerError::Container { fault, .. }) => {
            format!("the container of image {image} {fault}; --broker redpanda shows its log")
        }
        Err(error) => error.to_string(),
    };
    embedded(options, format!("the embedded broker, because {obstacle}")).await
}

#[cfg(not(all(feature = "embedded", feature = "redpanda")))]
async fn auto(options: &StartOptions) -> Result<Broker, BrokerError> {
    if cfg!(feature = "redpanda") {
        redpanda(options, "the only broker that this windrow was built with").await
    } else {
        embedded(options, "the embedded broker; --broker HOST:PORT takes a cluster".to_owned()).await
    }
}

#[cfg(feature = "embedded")]
async fn embedded(options: &StartOptions, reason: String) -> Result<Broker, BrokerError> {
    let listen = options.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let advertised = |given: &String| match split_address(given) {
        Ok((host, port)) => Ok((host.to_owned(), port)),
        Err(reason) => Err(BrokerError::Advertise { given: given.clone(), reason }),
    };
    let advertise = options.advertise.as_ref().map(advertised).transpose()?;
    let storage = match &options.log {
        LogStorage::Kept(folder) => windrow_kafka_broker::Storage::Kept(folder.clone()),
        LogStorage::Ephemeral(folder) => windrow_kafka_broker::Storage::Ephemeral(folder.clone()),
    };
    let (is_durable, clock) = (options.sync, windrow_kafka_broker::Clock::system());
    let settings = windrow_kafka_broker::Options { listen, advertise, storage, is_durable, clock };
    let embedded = Embedded::start(settings).await.map_err(|error| match error {
        StartError::Listen { address, source } => BrokerError::Listen { address, reason: source.to_string() },
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

#[cfg(not(feature = "embedded"))]
async fn embedded(_options: &StartOptions, _reason: String) -> Result<Broker, BrokerError> {
    Err(BrokerError::NotBuilt { feature: "embedded" })
}

#[cfg(feature = "redpanda")]
async fn redpanda(options: &StartOptions, why: &str) -> Result<Broker, BrokerError> {
    let redpanda = Redpanda::start(ContainerSpec {
        image: options.image().to_owned(),
        timeout: options.redpanda_timeout.unwrap_or(REDPANDA_START_TIMEOUT),
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

/// Tests of a build with one kind of broker, or none. `tests/it/redpanda.rs` tests the build with both.
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
            assert_eq!(broker.reason(), "the embedded broker; --broker HOST:PORT takes a cluster");
        } else if cfg!(feature = "redpanda") {
            let error = started.expect_err("no engine can be asked");
            assert!(matches!(error, BrokerError::NoDocker { .. }), "{error}");
        } else {
            assert_eq!(started.expect_err("no broker"), BrokerError::NotBuilt { feature: "embedded" });
        }
    }

    #[cfg(not(feature = "redpanda"))]
    #[test]
    fn redpanda_names_the_feature_that_is_missing() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let error =
            runtime.block_on(Broker::start(&Choice::Redpanda, &StartOptions::default())).expect_err("no broker");
        assert_eq!(
            error.to_string(),
            "this windrow was built without the cargo feature `redpanda`; build it with `--features redpanda`, or give \
             another --broker"
        );
    }
}
