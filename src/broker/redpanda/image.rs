//! Getting an image: from this machine, or from its registry.

use std::error::Error;
use std::time::Duration;

use docker_credential::DockerCredential;
use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::auth::DockerCredentials;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;
use testcontainers::core::client::docker_client_instance;

use crate::broker::BrokerError;

/// How long a Docker engine may take to say that it is there.
const ENGINE_PATIENCE: Duration = Duration::from_secs(3);
/// How long a pull may stand still.
const STALL: Duration = Duration::from_secs(60);
/// How long a pull may take: 200 MB through a thin line.
const PULL: Duration = Duration::from_secs(20 * 60);
/// What Docker calls the registry of images that name none.
const DOCKER_HUB: &str = "index.docker.io";
/// The status that Docker answers with for what is not there.
const NOT_FOUND: u16 = 404;

/// The Docker engine of this machine, or of `DOCKER_HOST`.
pub(crate) async fn engine() -> Result<Docker, BrokerError> {
    let docker = docker_client_instance().await.map_err(|error| BrokerError::NoDocker { reason: innermost(&error) })?;
    match tokio::time::timeout(ENGINE_PATIENCE, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(BrokerError::NoDocker { reason: innermost(&error) }),
        Err(_) => Err(BrokerError::NoDocker { reason: format!("it says nothing for {} s", ENGINE_PATIENCE.as_secs()) }),
    }
}

/// Makes sure that the image is on the engine's machine.
pub(crate) async fn ensure(docker: &Docker, image: &str) -> Result<(), BrokerError> {
    let missing = |reason: String| BrokerError::NoImage { image: image.to_owned(), reason };
    match docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(DockerError::DockerResponseServerError { status_code: NOT_FOUND, .. }) => {}
        Err(error) => return Err(missing(innermost(&error))),
    }
    tracing::info!(image, "pulling the image");
    tokio::time::timeout(PULL, pull(docker, image))
        .await
        .unwrap_or_else(|_| Err(format!("it is not there after {} minutes", PULL.as_secs() / 60)))
        .map_err(missing)
}

async fn pull(docker: &Docker, image: &str) -> Result<(), String> {
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut steps = Box::pin(docker.create_image(Some(options), None, login(image).await));
    loop {
        match tokio::time::timeout(STALL, steps.next()).await {
            Ok(Some(Ok(step))) => tracing::debug!(status = step.status, layer = step.id, "pulling"),
            Ok(Some(Err(error))) => return Err(innermost(&error)),
            Ok(None) => return Ok(()),
            Err(_) => return Err(format!("the pull stands still for {} s", STALL.as_secs())),
        }
    }
}

/// What `docker login` stored for the image's registry.
async fn login(image: &str) -> Option<DockerCredentials> {
    let server = match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => DOCKER_HUB,
    }
    .to_owned();
    let asked = server.clone();
    // May start a program that keeps the passwords.
    let login = tokio::task::spawn_blocking(move || docker_credential::get_credential(&asked)).await.ok()?.ok()?;
    let credentials = DockerCredentials { serveraddress: Some(server), ..Default::default() };
    Some(match login {
        DockerCredential::IdentityToken(token) => DockerCredentials { identitytoken: Some(token), ..credentials },
        DockerCredential::UsernamePassword(name, password) => {
            DockerCredentials { username: Some(name), password: Some(password), ..credentials }
        }
    })
}

/// What is at the bottom of an error: the layers above it only say that there is one.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    if let Some(DockerError::DockerResponseServerError { message, .. }) = error.downcast_ref::<DockerError>() {
        return message.trim().to_owned();
    }
    error.source().map_or_else(|| error.to_string(), innermost)
}
