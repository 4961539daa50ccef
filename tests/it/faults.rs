//! Failures around the stages: of the broker, the disk and the topic. Ctrl-C is in `timing::shutdown`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use windrow_testing::{Running, assert_whole, free_port, pause, sample_with, succeed, text, windrow};

fn broker(address: &str, advertised: &str) -> Running {
    let broker = Running::start(&["broker", "--listen", address, "--advertise", advertised]);
    broker.wait_for("broker: embedded");
    broker
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A proxy between the stages and the broker, whose connections can be cut.
struct Wire {
    address: String,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(broker: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (is_cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let wire = Self { address, is_cut: Arc::clone(&is_cut), open: Arc::clone(&open) };
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&broker) else { continue };
                let mut open = open.lock().expect("no wire panics");
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    open.push(from.try_clone().expect("a socket"));
                    std::thread::spawn(move || carry(from, to));
                }
            }
        });
        wire
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("no wire panics").drain(..) {
            // Fails if the connection has already been closed.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn restore(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_broker_that_is_away_for_a_while_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        sample_with(folder.path(), "rows = 1000", "partitions = 2\npace = { kind = \"fixed\", delay = \"500us\" }");
    let workdir = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    let direct = local(free_port());
    let wire = Wire::to(direct.clone());
    let broker = broker(&direct, &wire.address);
    succeed(&["topic", "create", &file, "--broker", &wire.address]);
    let consume = ["consume", &file, "--broker", &wire.address, "--workdir", &workdir_text, "--once"];
    let mut consumer = Running::start(&consume);
    let mut producer = Running::start(&["produce", &file, "--broker", &wire.address]);
    consumer.wait_for("window 1 (");
    wire.cut();
    pause(4000);
    wire.restore();
    consumer.wait_for("window 4 (");
    // The other kind of failure: the broker is connected, but does not respond.
    broker.signal("STOP");
    pause(2500);
    broker.signal("CONT");
    assert!(producer.end().success(), "{}", producer.output());
    assert!(consumer.end().success(), "{}", consumer.output());
    assert_whole(&workdir);
    let audit = windrow(&["audit", &file, "--workdir", &workdir_text, "--broker", &wire.address]);
    assert!(audit.status.success(), "{}", text(&audit.stdout));
}

#[test]
fn a_topic_that_is_deleted_under_us_ends_both_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "pace = { kind = \"fixed\", delay = \"1ms\" }");
    let workdir = folder.path().join("work").display().to_string();
    let address = local(free_port());
    let _broker = broker(&address, &address);
    succeed(&["topic", "create", &file, "--broker", &address]);
    let quick = ["-X", "topic.metadata.refresh.interval.ms=500", "-X", "topic.metadata.propagation.max.ms=500"];
    let consume = ["consume", &file, "--broker", &address, "--workdir", &workdir, "--once"];
    let mut consumer = Running::start(&[&consume[..], &quick].concat());
    let mut producer = Running::start(&[&["produce", &file, "--broker", &address][..], &quick].concat());
    consumer.wait_for("window 1 (");
    succeed(&["topic", "delete", &file, "--broker", &address]);
    for (stage, expected) in [(&mut producer, "topic"), (&mut consumer, "topic")] {
        let status = stage.end();
        let output = stage.output();
        let error = output.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(error.contains(expected) && error.contains("flights-sample"), "{output}");
    }
}

/// A small file system of its own. `mount` returns `None`, with a message, if mounting is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        println!("skipped: a small file system cannot be mounted here (that needs root)");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().expect("mount runs");
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A lazy unmount, because a process may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_run_resumes_after_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "partitions = 2");
    let workdir = folder.path().join("disk");
    // The sample takes 1,200 KB in the log of the broker and 900 KB in batch files.
    let Some(disk) = SmallDisk::mount(&workdir, "1700k") else { return };
    let workdir_text = workdir.display().to_string();
    let listen = "127.0.0.1:0";
    let run = ["run", &file, "--once", "--broker", "embedded", "--listen", listen, "--workdir", &workdir_text];
    let full = windrow(&run);
    let stderr = text(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{stderr}");
    let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(error.contains("full") || error.contains("No space"), "{stderr}");
    assert!(error.contains(&workdir_text), "{stderr}");
    let audit = windrow(&["audit", &file, "--workdir", &workdir_text]);
    assert!(audit.status.success(), "what is sealed is whole: {}", text(&audit.stdout));
    disk.remount("size=20m");
    succeed(&run);
    assert_whole(&workdir);
    succeed(&["audit", &file, "--workdir", &workdir_text]);
}

#[test]
fn a_disk_that_fills_up_under_parquet_harms_no_sealed_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "partitions = 2\n[batch]\nformat = \"parquet\"");
    let workdir = folder.path().join("disk");
    // A window takes 110 KB while it is filled, and 60 KB after it is sealed.
    let Some(disk) = SmallDisk::mount(&workdir, "400k") else { return };
    let workdir_text = workdir.display().to_string();
    let address = local(free_port());
    let _broker = broker(&address, &address);
    succeed(&["topic", "create", &file, "--broker", &address]);
    succeed(&["produce", &file, "--broker", &address]);
    let consume = ["consume", &file, "--once", "--broker", &address, "--workdir", &workdir_text];
    let full = windrow(&consume);
    let stderr = text(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{stderr}");
    let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(error.contains("full") && error.contains(&workdir_text), "{stderr}");
    assert!(workdir.join("batches/window-00001.parquet").exists(), "{stderr}");
    let audit = windrow(&["audit", &file, "--workdir", &workdir_text]);
    assert!(audit.status.success(), "what is sealed is whole: {}", text(&audit.stdout));
    disk.remount("size=20m");
    succeed(&consume);
    let audit = succeed(&["audit", &file, "--workdir", &workdir_text, "--broker", &address]);
    assert!(audit.contains("8,019 read = 8,019 delivered = 8,019 stored"), "{audit}");
}

#[test]
fn every_stage_reports_an_unwritable_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "");
    let workdir = folder.path().join("disk");
    let Some(disk) = SmallDisk::mount(&workdir, "10m") else { return };
    let workdir_text = workdir.display().to_string();
    let address = local(free_port());
    let _broker = broker(&address, &address);
    succeed(&["topic", "create", &file, "--broker", &address]);
    disk.remount("ro");
    let listen = "127.0.0.1:0";
    let cases: [&[&str]; 3] = [
        &["run", &file, "--once", "--broker", "embedded", "--listen", listen, "--workdir", &workdir_text],
        &["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once"],
        &["train", &file, "--workdir", &workdir_text, "--once"],
    ];
    for arguments in cases {
        let refused = windrow(arguments);
        let stderr = text(&refused.stderr);
        let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(error.contains("cannot write") && error.contains(&workdir_text), "{arguments:?}: {stderr}");
    }
}
