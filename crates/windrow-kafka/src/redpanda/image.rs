//! Getting an image: from this machine, or from its registry.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};
use docker_credential::DockerCredential;
use futures_util::StreamExt as _;

use crate::BrokerError;
use windrow_base::runtime::blocking;

/// How long a Docker engine may take to say that it is there.
const ENGINE_PATIENCE: Duration = Duration::from_secs(3);
/// How long it may take to answer a question.
const ANSWER: Duration = Duration::from_secs(120);
const SOCKET: &str = "/var/run/docker.sock";
/// How long a pull may stand still.
const STALL: Duration = Duration::from_secs(60);
/// How long a pull may take: 200 MB through a thin line.
const PULL: Duration = Duration::from_secs(20 * 60);
/// What Docker calls the registry of images that name none.
const DOCKER_HUB: &str = "index.docker.io";
/// The status that Docker answers with for what is not there.
const NOT_FOUND: u16 = 404;

/// The Docker engine of this machine, or of `DOCKER_HOST`, spoken to in the version that it speaks.
pub(crate) async fn engine(docker_host: Option<&str>) -> Result<Docker, BrokerError> {
    let docker = connect(docker_host)?;
    match tokio::time::timeout(ENGINE_PATIENCE, docker.negotiate_version()).await {
        Ok(Ok(docker)) => Ok(docker),
        Ok(Err(error)) => Err(BrokerError::NoDocker { reason: innermost(&error) }),
        Err(_) => Err(BrokerError::NoDocker { reason: format!("it says nothing for {} s", ENGINE_PATIENCE.as_secs()) }),
    }
}

fn connect(docker_host: Option<&str>) -> Result<Docker, BrokerError> {
    let seconds = ANSWER.as_secs();
    let connected = match docker_host.map(|address| (address.split_once("://"), address)) {
        None => Docker::connect_with_socket(&local_socket(), seconds, API_DEFAULT_VERSION),
        Some((Some(("tcp" | "http", _)), address)) => Docker::connect_with_http(address, seconds, API_DEFAULT_VERSION),
        Some((Some(("unix" | "npipe", _)), address)) => {
            Docker::connect_with_socket(address, seconds, API_DEFAULT_VERSION)
        }
        Some((_, address)) => {
            let reason = format!("DOCKER_HOST is {address}, and only unix://, tcp:// and http:// are understood");
            return Err(BrokerError::NoDocker { reason });
        }
    };
    connected.map_err(|error| BrokerError::NoDocker { reason: innermost(&error) })
}

/// Where the engine of this machine listens: for all its users, or for this one.
fn local_socket() -> String {
    let own = |path: &str| std::env::home_dir().map(|home| home.join(path));
    let places = [Some(PathBuf::from(SOCKET)), own(".docker/run/docker.sock"), own(".docker/desktop/docker.sock")];
    let found = places.into_iter().flatten().find(|path| path.exists());
    found.map_or_else(|| SOCKET.to_owned(), |path| path.display().to_string())
}

/// The image as Docker names it: without a tag or a digest it is the latest.
pub(crate) fn tagged(image: &str) -> String {
    match image.rsplit_once(':') {
        // Behind a `/` it is the port of a registry.
        Some((_, tag)) if !tag.contains('/') => image.to_owned(),
        _ => format!("{image}:latest"),
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
    let options = CreateImageOptionsBuilder::new().from_image(&tagged(image)).build();
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
    let login = blocking(move || docker_credential::get_credential(&asked)).await.ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_docker_names_them() {
        for (image, name) in [
            ("redpandadata/redpanda:v25.3.9", "redpandadata/redpanda:v25.3.9"),
            ("redpandadata/redpanda", "redpandadata/redpanda:latest"),
            ("registry.example:5000/redpanda", "registry.example:5000/redpanda:latest"),
            ("redpanda@sha256:0a1b", "redpanda@sha256:0a1b"),
        ] {
            assert_eq!(tagged(image), name);
        }
    }

    #[test]
    fn an_engine_that_cannot_be_spoken_to_is_told() {
        let error = connect(Some("https://builder.example:2376")).expect_err("TLS").to_string();
        assert!(error.contains("https://builder.example:2376") && error.contains("tcp://"), "{error}");
    }
}
