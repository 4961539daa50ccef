//! Coming by a broker, and letting it go again.

use std::net::SocketAddr;

#[cfg(feature = "embedded")]
use crate::broker::embedded::Embedded;
#[cfg(feature = "redpanda")]
use crate::broker::redpanda::Redpanda;
use crate::broker::{BrokerError, Choice, Connection};

/// How a broker of our own is started.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Where the embedded broker listens; a free loopback port without it.
    pub listen: Option<SocketAddr>,
    /// The HOST:PORT that the embedded broker tells clients to connect to.
    pub advertise: Option<String>,
    /// Another image than the pinned one.
    pub redpanda_image: Option<String>,
    /// How long the container may take to be ready.
    pub redpanda_limit: Option<std::time::Duration>,
    /// Properties of the clients, by librdkafka's names.
    pub properties: Vec<(String, String)>,
}

/// A broker that this process started, or one outside.
#[derive(Debug)]
pub struct Broker {
    connection: Connection,
    reason: String,
    process: Process,
}

#[derive(Debug)]
enum Process {
    #[cfg(feature = "embedded")]
    Embedded(Embedded),
    #[cfg(feature = "redpanda")]
    Redpanda(Redpanda),
    External,
}

impl Broker {
    /// Starts the broker asked for and waits until it answers. To drop the future is to give it up, and leaves nothing
    /// behind.
    ///
    /// # Errors
    /// It cannot be started; the message says what to do.
    pub async fn start(choice: &Choice, options: &StartOptions) -> Result<Self, BrokerError> {
        match choice {
            Choice::Embedded => Self::embedded(options, "as asked for".to_owned()).await,
            Choice::Redpanda => Self::redpanda(options, "as asked for".to_owned()).await,
            Choice::External(address) => Ok(Self {
                connection: Connection::new(address.clone()).with_properties(options.properties.clone()),
                reason: "as asked for".to_owned(),
                process: Process::External,
            }),
            Choice::Auto => Self::auto(options).await,
        }
    }

    #[cfg(feature = "redpanda")]
    async fn auto(options: &StartOptions) -> Result<Self, BrokerError> {
        match crate::broker::redpanda::available(options.redpanda_image.as_deref()).await {
            Ok(image) => Self::redpanda(options, format!("auto: Docker answers and has {image}")).await,
            Err(reason) => Self::embedded(options, format!("auto: {reason}")).await,
        }
    }

    #[cfg(not(feature = "redpanda"))]
    async fn auto(options: &StartOptions) -> Result<Self, BrokerError> {
        Self::embedded(options, "auto: built without the redpanda broker".to_owned()).await
    }

    #[cfg(feature = "embedded")]
    async fn embedded(options: &StartOptions, reason: String) -> Result<Self, BrokerError> {
        let embedded = Embedded::start(options.listen, options.advertise.clone()).await?;
        let connection = Connection::new(embedded.address.clone()).with_properties(options.properties.clone());
        Ok(Self { connection, reason, process: Process::Embedded(embedded) })
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_async, reason = "the same shape with and without the feature")]
    async fn embedded(_: &StartOptions, _: String) -> Result<Self, BrokerError> {
        Err(BrokerError::NotBuilt { kind: "embedded" })
    }

    #[cfg(feature = "redpanda")]
    async fn redpanda(options: &StartOptions, reason: String) -> Result<Self, BrokerError> {
        let redpanda = Redpanda::start(options.redpanda_image.as_deref(), options.redpanda_limit).await?;
        let connection = Connection::new(redpanda.address()).with_properties(options.properties.clone());
        Ok(Self { connection, reason, process: Process::Redpanda(redpanda) })
    }

    #[cfg(not(feature = "redpanda"))]
    #[expect(clippy::unused_async, reason = "the same shape with and without the feature")]
    async fn redpanda(_: &StartOptions, _: String) -> Result<Self, BrokerError> {
        Err(BrokerError::NotBuilt { kind: "redpanda" })
    }

    /// How clients reach it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What it is: embedded, redpanda or external.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.process {
            #[cfg(feature = "embedded")]
            Process::Embedded(_) => "embedded",
            #[cfg(feature = "redpanda")]
            Process::Redpanda(_) => "redpanda",
            Process::External => "external",
        }
    }

    /// Why it was taken.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Ends it, if it is ours.
    ///
    /// # Errors
    /// A container that cannot be removed.
    pub async fn stop(self) -> Result<(), BrokerError> {
        match self.process {
            #[cfg(feature = "embedded")]
            Process::Embedded(embedded) => embedded.stop().await,
            #[cfg(feature = "redpanda")]
            Process::Redpanda(redpanda) => redpanda.stop().await?,
            Process::External => {}
        }
        Ok(())
    }
}
