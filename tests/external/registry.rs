//! A registry on this machine that serves one image. The Docker engine trusts a registry on 127.0.0.1 without TLS.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::container_image::Image;
use crate::docker::docker;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The bodies of responses by their paths.
type Files = HashMap<String, Vec<u8>>;

/// A registry with one image, which was removed from the engine before. A drop removes the pulled image from the
/// engine.
pub(crate) struct Registry {
    image: String,
}

impl Registry {
    /// Moves an image from the engine to a registry.
    pub(crate) fn of(image: Image) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = folder.path().join("image.tar").display().to_string();
        docker(&["save", "--output", &archive, image.name()]).expect("the image is saved");
        let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder.path()).status();
        assert!(unpacked.expect("tar runs").success());
        drop(image);

        let read = |file: &Value| {
            let file = folder.path().join(file.as_str().expect("a name"));
            std::fs::read(file).expect("a part of the image")
        };
        let saved: Value = serde_json::from_slice(&read(&json!("manifest.json"))).expect("a list of images");
        let mut files = Files::from([("/v2/".to_owned(), Vec::new())]);
        let mut blob = |bytes: Vec<u8>, kind: &str| {
            let (digest, size) = (format!("sha256:{}", hex::encode(Sha256::digest(&bytes))), bytes.len());
            files.insert(format!("/v2/windrow/blobs/{digest}"), bytes);
            json!({ "mediaType": kind, "size": size, "digest": digest })
        };
        let config = blob(read(&saved[0]["Config"]), "application/vnd.docker.container.image.v1+json");
        let layers = saved[0]["Layers"].as_array().expect("layers").iter();
        let layers: Vec<Value> =
            layers.map(|layer| blob(read(layer), "application/vnd.docker.image.rootfs.diff.tar")).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        files.insert("/v2/windrow/manifests/pulled".to_owned(), manifest.to_string().into_bytes());
        let image = format!("127.0.0.1:{}/windrow:pulled", serve(files));
        Self { image }
    }

    pub(crate) fn image(&self) -> &str {
        &self.image
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Fails if the image was never pulled.
        let _ = docker(&["image", "rm", "--force", &self.image]);
    }
}

/// Serves files until the process ends; returns the port.
fn serve(files: Files) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let files = Arc::clone(&files);
            std::thread::spawn(move || answer(client, &files));
        }
    });
    port
}

fn answer(mut client: TcpStream, files: &Files) {
    let mut lines = BufReader::new(client.try_clone().expect("a connection")).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // The manifest is also requested by its digest.
    let found =
        files.get(path).or_else(|| files.get("/v2/windrow/manifests/pulled").filter(|_| path.contains("/manifests/")));
    let (status, body) = found.map_or(("404 Not Found", &[] as &[u8]), |body| ("200 OK", body));
    let digest = hex::encode(Sha256::digest(body));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {MANIFEST}\r\nDocker-Content-Digest: sha256:{digest}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // A client may close the connection after the head.
    let _ = client.write_all(head.as_bytes());
    if method != "HEAD" {
        let _ = client.write_all(body);
    }
}
