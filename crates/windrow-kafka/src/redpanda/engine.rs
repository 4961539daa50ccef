//! The container to start, the Docker engine, and the pull of an image.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::ImageInspect;
use testcontainers::core::client::{ClientError, docker_client_instance};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{GenericImage, TestcontainersError};
use windrow_base::telemetry::{Event, Progress};

use crate::BrokerError;

/// The time limit for the Docker engine to answer and to look for an image.
pub(super) const ENGINE_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for a pull: 200 MB over a slow connection.
const PULL_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// The interval between the events of a pull.
const PULL_REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// The HTTP status of a response about an image that does not exist.
const NOT_FOUND: u16 = 404;

/// The container to start, and its limits.
#[derive(Debug)]
pub(crate) struct ContainerSpec {
    pub(crate) image: String,
    /// The time limit from the start of Redpanda to its first answer.
    pub(crate) timeout: Duration,
    /// The value of `DOCKER_HOST`.
    pub(crate) docker_host: Option<String>,
    /// Receives the events of a pull.
    pub(crate) progress: Progress,
}

/// Connects to the Docker engine. Returns it, and the image if the engine's machine has it.
///
/// # Errors
/// No engine answers within [`ENGINE_TIMEOUT`], or it rejects this user.
pub(crate) async fn find(image: &str, host: Option<&str>) -> Result<(Docker, Option<ImageInspect>), BrokerError> {
    is_remote(host)?;
    let asked = async {
        let docker = docker_client_instance().await;
        let docker = docker.map_err(|error| BrokerError::NoDocker { reason: reason(&error.into()) })?;
        docker.ping().await.map_err(|error| no_engine(&error))?;
        match docker.inspect_image(image).await {
            Ok(found) => Ok((docker, Some(found))),
            Err(DockerError::DockerResponseServerError { status_code: NOT_FOUND, .. }) => Ok((docker, None)),
            Err(error) => Err(missing(image, innermost(&error))),
        }
    };
    let silent = || BrokerError::NoDocker { reason: format!("it has not answered for {} s", ENGINE_TIMEOUT.as_secs()) };
    tokio::time::timeout(ENGINE_TIMEOUT, asked).await.unwrap_or_else(|_| Err(silent()))
}

/// Pulls the image if the engine's machine does not have it. Returns the engine, and the program that the image starts.
pub(crate) async fn fetch(plan: &ContainerSpec) -> Result<(Docker, Vec<String>), BrokerError> {
    let (image, docker_host) = (plan.image.as_str(), plan.docker_host.as_deref());
    let (docker, mut found) = find(image, docker_host).await?;
    if found.is_none() {
        pull(image, &plan.progress).await.map_err(|reason| missing(image, reason))?;
        found = find(image, docker_host).await?.1;
    }
    let found = found.ok_or_else(|| missing(image, "it is missing after the pull".to_owned()))?;
    Ok((docker, found.config.and_then(|config| config.entrypoint).unwrap_or_default()))
}

async fn pull(image: &str, progress: &Progress) -> Result<(), String> {
    let begun = Instant::now();
    let pulling = tokio::time::timeout(PULL_TIMEOUT, named(image).pull_image());
    tokio::pin!(pulling);
    let mut report = tokio::time::interval(PULL_REPORT_INTERVAL);
    loop {
        tokio::select! {
            pulled = &mut pulling => return match pulled {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(reason(&error)),
                Err(_) => Err(format!("it was not pulled within {} minutes", PULL_TIMEOUT.as_secs() / 60)),
            },
            _ = report.tick() => {
                progress.report(Event::ImagePulling { image: image.to_owned(), took: begun.elapsed() });
            }
        }
    }
}

/// The image in the form that testcontainers takes. Without a tag or a digest, the tag is `latest`, as for Docker.
pub(crate) fn named(image: &str) -> GenericImage {
    match image.rsplit_once(':') {
        // A `:` with a `/` after it separates the port of a registry.
        Some((name, tag)) if !tag.contains('/') => GenericImage::new(name, tag),
        _ => GenericImage::new(image, "latest"),
    }
}

/// Returns true if `DOCKER_HOST` names an engine on another machine. testcontainers reads the variable itself.
pub(crate) fn is_remote(docker_host: Option<&str>) -> Result<bool, BrokerError> {
    match docker_host.map(|address| (address.split_once("://"), address)) {
        None | Some((Some(("unix" | "npipe", _)), _)) => Ok(false),
        Some((Some(("tcp" | "http", _)), _)) => Ok(true),
        Some((_, address)) => {
            let reason = format!("DOCKER_HOST is {address}, but only unix://, tcp:// and http:// are supported");
            Err(BrokerError::NoDocker { reason })
        }
    }
}

/// The engine's message, without the words that the libraries put before it.
pub(crate) fn reason(error: &TestcontainersError) -> String {
    match error {
        TestcontainersError::Client(
            ClientError::Init(error)
            | ClientError::PullImage { err: error, .. }
            | ClientError::CreateContainer(error)
            | ClientError::StartContainer(error)
            | ClientError::InitExec(error)
            | ClientError::RemoveContainer(error),
        ) => innermost(error),
        other => other.to_string(),
    }
}

/// The text of the innermost error. The outer ones only say that there is an error.
fn innermost(error: &(dyn Error + 'static)) -> String {
    if let Some(DockerError::DockerResponseServerError { message, .. }) = error.downcast_ref() {
        return message.trim().to_owned();
    }
    error.source().map_or_else(|| error.to_string(), innermost)
}

fn no_engine(error: &(dyn Error + 'static)) -> BrokerError {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let is_denied = causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    });
    let reason = innermost(error);
    if is_denied { BrokerError::DockerDenied { reason } } else { BrokerError::NoDocker { reason } }
}

fn missing(image: &str, reason: String) -> BrokerError {
    BrokerError::NoImage { image: image.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use testcontainers::Image as _;

    use super::*;

    #[test]
    fn images_are_named_as_docker_names_them() {
        for (image, name) in [
            ("redpandadata/redpanda:v25.3.9", "redpandadata/redpanda:v25.3.9"),
            ("redpandadata/redpanda", "redpandadata/redpanda:latest"),
            ("registry.example:5000/redpanda", "registry.example:5000/redpanda:latest"),
            ("redpanda@sha256:0a1b", "redpanda@sha256:0a1b"),
        ] {
            let named = named(image);
            assert_eq!(format!("{}:{}", named.name(), named.tag()), name);
        }
    }

    #[test]
    fn containers_are_reached_where_the_engine_is() {
        for (docker_host, expected) in [
            (None, false),
            (Some("unix:///run/user/1000/docker.sock"), false),
            (Some("tcp://10.1.2.3:2375"), true),
            (Some("tcp://builder.example"), true),
        ] {
            assert_eq!(is_remote(docker_host), Ok(expected), "{docker_host:?}");
        }
    }

    #[test]
    fn an_unreachable_engine_is_reported() {
        let error = is_remote(Some("https://builder.example:2376")).expect_err("TLS").to_string();
        assert!(error.contains("https://builder.example:2376") && error.contains("tcp://"), "{error}");
    }

    #[test]
    fn a_user_who_may_not_use_docker_learns_how_to() {
        insta::assert_snapshot!(
            no_engine(&io::Error::from(io::ErrorKind::PermissionDenied)),
            @"this user may not use the Docker engine (permission denied); add the user to the group `docker`, or use --broker embedded"
        );
    }
}
