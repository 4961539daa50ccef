//! Images for the tests: Redpanda's own if it is on this machine, otherwise a stand-in made from scratch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use windrow_kafka::REDPANDA_IMAGE;
use windrow_testing::program;

use crate::docker::{self, docker};

/// The entry point of the stand-in, which runs windrow's embedded broker with Redpanda's command line.
const STAND_IN: &str = r#"#!/bin/sh
for argument in "$@"; do
    case "$argument" in
        --kafka-addr=*) listen="${argument##*external://}" ;;
        --advertise-kafka-addr=*) advertise="${argument##*external://}" ;;
    esac
done
echo "stand-in for Redpanda: $*"
windrow broker --ephemeral --listen "$listen" --advertise "$advertise" &
echo "INFO  main - application.cc - Successfully started Redpanda!"
wait
"#;

/// An image. A drop removes it if it was built for a test.
pub(crate) struct Image {
    name: String,
    is_ours: bool,
}

impl Image {
    /// Returns Redpanda's image or its stand-in. `None` if neither is available.
    #[expect(clippy::print_stderr, reason = "the output must not let a stand-in pass for Redpanda")]
    pub(crate) fn redpanda() -> Option<Self> {
        if let Some(name) = present() {
            return Some(Self { name, is_ours: false });
        }
        if !cfg!(feature = "embedded") {
            docker::skip("no Redpanda image, and a windrow without its embedded broker cannot stand in");
            return None;
        }
        let root = Root::new()?;
        eprintln!("stand-in image: no Redpanda image on this machine");
        root.copy(&program(), "bin/windrow");
        root.script("entrypoint.sh", STAND_IN);
        Some(root.build("stand-in", "/entrypoint.sh"))
    }

    /// Builds an image that runs a shell script, whatever command it gets. `None` if Docker or busybox is missing.
    pub(crate) fn with_script(what: &str, script: &str) -> Option<Self> {
        let root = Root::new()?;
        root.script("entrypoint.sh", &format!("#!/bin/sh\n{script}\n"));
        Some(root.build(what, "/entrypoint.sh"))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.is_ours {
            docker(&["image", "rm", "--force", &self.name]).expect("the image is removed");
        }
    }
}

/// Returns the name of the Redpanda image, if it is on this machine.
fn present() -> Option<String> {
    let named = std::env::var_os("WINDROW_REDPANDA_IMAGE").and_then(|name| name.into_string().ok());
    let name = named.unwrap_or_else(|| REDPANDA_IMAGE.to_owned());
    docker(&["image", "inspect", &name]).is_ok().then_some(name)
}

/// The files of a new image, including a shell.
pub(crate) struct Root(tempfile::TempDir);

impl Root {
    pub(crate) fn new() -> Option<Self> {
        if !docker::is_available() {
            return None;
        }
        let Some(busybox) = find("busybox") else {
            docker::skip("no busybox to build an image with (Debian: busybox-static)");
            return None;
        };
        let root = Self(tempfile::tempdir().expect("a directory"));
        fs::write(root.0.path().join(".dockerignore"), "Dockerfile\n").expect("written");
        root.copy(&busybox, "bin/busybox");
        for tool in ["sh", "sleep"] {
            std::os::unix::fs::symlink("busybox", root.0.path().join("bin").join(tool)).expect("linked");
        }
        Some(root)
    }

    /// Copies a program and its libraries to the paths where the program looks for them.
    pub(crate) fn copy(&self, program: &Path, to: &str) {
        self.copy_file(program, to);
        self.libraries_of(program);
    }

    /// Copies the libraries of a program or library to the paths where it looks for them.
    pub(crate) fn libraries_of(&self, program: &Path) {
        let Ok(needed) = Command::new("ldd").arg(program).output() else { return };
        for word in String::from_utf8_lossy(&needed.stdout).split_whitespace() {
            if let Some(inside) = word.strip_prefix('/') {
                self.copy_file(Path::new(word), inside);
            }
        }
    }

    pub(crate) fn copy_file(&self, from: &Path, to: &str) {
        let to = self.0.path().join(to);
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(from, to).expect("copied");
    }

    pub(crate) fn script(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn build(&self, what: &str, entrypoint: &str) -> Image {
        let name = format!("windrow-test-redpanda:{what}-{}-{:?}", std::process::id(), std::thread::current().id());
        let name = name.replace(['(', ')'], "").replace("ThreadId", "");
        let dockerfile = format!("FROM scratch\nCOPY . /\nENV PATH=/bin\nENTRYPOINT [\"{entrypoint}\"]\n");
        fs::write(self.0.path().join("Dockerfile"), dockerfile).expect("written");
        let context = self.0.path().to_str().expect("a path in UTF-8");
        docker(&["build", "--quiet", "--tag", &name, context]).expect("the image is built");
        Image { name, is_ours: true }
    }
}

/// Returns the path of a program on the PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}
