//! Batch files in an object store. Objects appear whole, and a manifest that exists is never replaced.
//!
//! The methods block, so call them from threads that may block. The requests run on a runtime of their own.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    RetryConfig, WriteMultipart,
};
use sha2::{Digest, Sha256};

use crate::{BatchError, FileDigest};
use windrow_base::runtime::{request, spawn_request};

/// The part size of a multipart upload, in bytes. A larger file is uploaded in parts of this size, each read into
/// memory; the object appears after the last part.
const PART_BYTES: usize = 16 << 20;
/// The maximum number of parts in flight.
const MAX_PARTS_IN_FLIGHT: usize = 4;
/// The time for which the S3 client itself retries a request.
const CLIENT_RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// The time for which [`Objects`] retries a request if the store has answered before.
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);
/// The retry time if the store has never answered: long enough for a bad connection, short enough for a wrong address.
const FIRST_RETRY_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The time for which an absent object is not requested again, because callers that wait for a window poll often.
const ABSENT_CACHE_TIME: Duration = Duration::from_secs(1);
/// The maximum size in bytes of an object that is read into memory. A larger one is reported as damaged.
const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// The objects under one URL.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    /// The URL from the pipeline file, without a slash at its end.
    url: String,
    /// The endpoint of the store, if it is not Amazon's.
    endpoint: Option<String>,
    /// True after the first answer of the store.
    has_answered: AtomicBool,
    /// True after a warning that the store does not answer, until it answers again.
    is_outage_logged: AtomicBool,
    absent: Mutex<HashMap<String, Instant>>,
}

impl Objects {
    /// Opens the objects under `s3://bucket/prefix` or `file:///folder`. Does not send a request.
    ///
    /// `settings` are the settings of the S3 client, by the usual names of environment variables (`AWS_ACCESS_KEY_ID`,
    /// `AWS_ENDPOINT_URL`, ...).
    ///
    /// # Errors
    /// The URL or a setting is not valid, or the folder cannot be created.
    pub fn open(url: &str, settings: &BTreeMap<String, String>) -> Result<Self, BatchError> {
        let url = url.trim_end_matches('/').to_owned();
        let refused = |reason: String| BatchError::Store { url: url.clone(), reason };
        let (store, prefix): (Arc<dyn ObjectStore>, &str) = if let Some(folder) = url.strip_prefix("file://") {
            let folder = Path::new(folder);
            fs::create_dir_all(folder).map_err(BatchError::write(folder))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| refused(plain(&error)))?;
            (Arc::new(store.with_fsync(true)), "")
        } else {
            let rest = url.strip_prefix("s3://").unwrap_or_default();
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            // rustls has two crypto providers; all crates here use ring. An error means that one is installed already.
            let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
            let retry = RetryConfig { retry_timeout: CLIENT_RETRY_TIMEOUT, ..RetryConfig::default() };
            let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_retry(retry);
            for (name, value) in settings {
                // Other variables with these prefixes belong to other programs.
                let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() else { continue };
                if key == AmazonS3ConfigKey::Endpoint || key == AmazonS3ConfigKey::S3Endpoint {
                    builder = builder.with_allow_http(value.starts_with("http://"));
                }
                builder = builder.with_config(key, value);
            }
            (Arc::new(builder.build().map_err(|error| refused(plain(&error)))?), prefix)
        };
        let prefix = prefix.to_owned();
        let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
        let endpoint = names.iter().find_map(|name| settings.get(*name)).filter(|_| url.starts_with("s3://")).cloned();
        let (has_answered, is_outage_logged) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { store, prefix, url, endpoint, has_answered, is_outage_logged, absent: Mutex::default() })
    }

    /// The URL of the objects, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The full address of an object, for messages.
    pub fn location(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}/{name}", self.url))
    }

    fn key(&self, name: &str) -> Key {
        Key::from_iter(self.prefix.split('/').chain(name.split('/')).filter(|part| !part.is_empty()))
    }

    /// Sends a request. Repeats it while the store does not answer, for [`RETRY_TIMEOUT`] or [`FIRST_RETRY_TIMEOUT`].
    fn with_retries<T>(&self, mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let began = Instant::now();
        loop {
            let answer = attempt();
            let Err(StoreError::Generic { .. }) = &answer else {
                self.has_answered.store(true, Ordering::Relaxed);
                self.is_outage_logged.store(false, Ordering::Relaxed);
                return answer;
            };
            let is_known = self.has_answered.load(Ordering::Relaxed);
            if began.elapsed() > if is_known { RETRY_TIMEOUT } else { FIRST_RETRY_TIMEOUT } {
                return answer;
            }
            if let Err(error) = &answer
                && is_known
                && !self.is_outage_logged.swap(true, Ordering::Relaxed)
            {
                let (reason, seconds) = (self.plain(error), RETRY_TIMEOUT.as_secs());
                tracing::warn!("{} does not answer ({reason}): trying again for {} s", self.url, seconds);
            }
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    /// Returns the bytes of a small object. `None` if the object does not exist.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BatchError> {
        if self.was_absent(name) {
            return Ok(None);
        }
        let found = self.with_retries(|| {
            let (store, key) = (Arc::clone(&self.store), self.key(name));
            request(async move {
                let found = store.get(&key).await?;
                if found.meta.size > MAX_OBJECT_BYTES { Ok(None) } else { found.bytes().await.map(Some) }
            })
        });
        match found {
            Ok(Some(bytes)) => Ok(Some(bytes.to_vec())),
            Ok(None) => {
                let reason = format!("it has more than {MAX_OBJECT_BYTES} bytes");
                Err(BatchError::Damaged { path: self.location(name), reason })
            }
            Err(StoreError::NotFound { source, .. }) if !is_no_bucket(&*source) => {
                self.absent.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Instant::now());
                Ok(None)
            }
            Err(error) => Err(self.read_error(name, &error)),
        }
    }

    fn was_absent(&self, name: &str) -> bool {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.retain(|_, seen| seen.elapsed() < ABSENT_CACHE_TIME);
        absent.contains_key(name)
    }

    /// Creates a small object. Returns `false` if an object of this name exists, and leaves that one unchanged.
    pub fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, BatchError> {
        let payload = PutPayload::from(bytes);
        let created = self.with_retries(|| {
            let (store, key, payload) = (Arc::clone(&self.store), self.key(name), payload.clone());
            request(async move { store.put_opts(&key, payload, PutOptions::from(PutMode::Create)).await })
        });
        // The object exists now, whichever process created it.
        self.absent.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        match created {
            Ok(_) => Ok(true),
            // If the answer to a successful put is lost, the retry also ends here. The caller compares the contents.
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.write_error(name, &error)),
        }
    }

    /// Uploads a file as a whole object. The name contains the digest, so an object of this name has the same content.
    pub(crate) fn upload(&self, name: &str, path: &Path) -> Result<(), BatchError> {
        let is_small = fs::metadata(path).map_err(BatchError::read(path))?.len() <= PART_BYTES as u64;
        let sent = if is_small {
            let payload = PutPayload::from(fs::read(path).map_err(BatchError::read(path))?);
            self.with_retries(|| {
                let (store, key, payload) = (Arc::clone(&self.store), self.key(name), payload.clone());
                request(async move { store.put(&key, payload).await.map(drop) })
            })
        } else {
            self.with_retries(|| {
                let file = File::open(path).map_err(|error| StoreError::NotSupported { source: error.into() })?;
                self.upload_parts(self.key(name), file)
            })
        };
        sent.map_err(|error| self.write_error(name, &error))
    }

    /// Uploads a file in parts. An error of the file is returned as `NotSupported`, which is not retried.
    fn upload_parts(&self, key: Key, mut file: File) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        request(async move {
            let upload = store.put_multipart_opts(&key, PutMultipartOptions::default()).await?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            loop {
                // One part at a time. The file was just written, so it is read from the page cache.
                let mut part = Vec::with_capacity(PART_BYTES);
                if let Err(error) = io::Read::by_ref(&mut file).take(PART_BYTES as u64).read_to_end(&mut part) {
                    let _ = upload.abort().await;
                    return Err(StoreError::NotSupported { source: error.into() });
                }
                if part.is_empty() {
                    return upload.finish().await.map(drop);
                }
                if let Err(error) = upload.wait_for_capacity(MAX_PARTS_IN_FLIGHT).await {
                    let _ = upload.abort().await;
                    return Err(error);
                }
                upload.put(Bytes::from(part));
            }
        })
    }

    /// Downloads an object into an unnamed file in `folder`, and checks its length and its digest.
    pub(crate) fn download(&self, name: &str, expected: &FileDigest, folder: &Path) -> Result<File, BatchError> {
        let mut no_room = None;
        let fetched = self.with_retries(|| {
            let file = tempfile::tempfile_in(folder).and_then(|file| self.fetch(name, expected, file));
            file.unwrap_or_else(|error| {
                no_room = Some(error);
                Err(StoreError::NotSupported { source: "the file cannot be written".into() })
            })
        });
        if let Some(error) = no_room {
            return Err(BatchError::write(folder)(error));
        }
        let (mut file, found) = fetched.map_err(|error| self.read_error(name, &error))?;
        if found != *expected {
            let reason = "its length or its SHA-256 differs from its manifest".to_owned();
            return Err(BatchError::Damaged { path: self.location(name), reason });
        }
        file.rewind().map_err(BatchError::read(folder))?;
        Ok(file)
    }

    /// Writes an object into a file, and stops if it is longer than expected. The outer error is an error of the file.
    fn fetch(
        &self,
        name: &str,
        expected: &FileDigest,
        mut file: File,
    ) -> io::Result<Result<(File, FileDigest), StoreError>> {
        let (store, key) = (Arc::clone(&self.store), self.key(name));
        // The download may be a few pieces ahead of the disk.
        let (sender, pieces) = std::sync::mpsc::sync_channel(MAX_PARTS_IN_FLIGHT);
        let received = spawn_request(async move {
            let mut stream = store.get(&key).await?.into_stream();
            while let Some(piece) = stream.next().await {
                let (sender, piece): (_, Bytes) = (sender.clone(), piece?);
                // The disk may be slow, so the send must not block the runtime.
                if !matches!(tokio::task::spawn_blocking(move || sender.send(piece)).await, Ok(Ok(()))) {
                    break;
                }
            }
            Ok(())
        });
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        for piece in &pieces {
            digest.update(&piece);
            bytes += piece.len() as u64;
            file.write_all(&piece)?;
            if bytes > expected.bytes {
                break;
            }
        }
        drop(pieces);
        let received = received.recv().unwrap_or(Ok(()));
        Ok(received.map(|()| (file, FileDigest { bytes, sha256: hex::encode(digest.finalize()) })))
    }

    /// Returns the names of all objects under the URL, with their sizes in bytes.
    pub fn list(&self) -> Result<BTreeMap<String, u64>, BatchError> {
        let (store, prefix) = (Arc::clone(&self.store), self.key(""));
        let within = prefix.clone();
        let listed = self.with_retries(|| {
            let (store, prefix) = (Arc::clone(&store), prefix.clone());
            request(async move {
                let some = (!prefix.as_ref().is_empty()).then_some(&prefix);
                store.list(some).map_ok(|object| (object.location, object.size)).try_collect::<Vec<_>>().await
            })
        });
        let listed = listed.map_err(|error| self.read_error("", &error))?;
        let name = |key: &Key| {
            let parts = key.prefix_match(&within)?;
            Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
        };
        Ok(listed.into_iter().filter_map(|(key, size)| Some((name(&key)?, size))).collect())
    }

    fn plain(&self, error: &StoreError) -> String {
        let reason = plain(error);
        match (&self.endpoint, error) {
            (Some(endpoint), StoreError::Generic { .. }) => format!("{endpoint}: {reason}"),
            _ => reason,
        }
    }

    fn read_error(&self, name: &str, error: &StoreError) -> BatchError {
        BatchError::read(&self.location(name))(io::Error::other(self.plain(error)))
    }

    fn write_error(&self, name: &str, error: &StoreError) -> BatchError {
        BatchError::write(&self.location(name))(io::Error::other(self.plain(error)))
    }
}

/// The output leaves out the client, because it contains credentials.
impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("url", &self.url).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn is_no_bucket(source: &(dyn std::error::Error + 'static)) -> bool {
    chain(source).any(|message| message.contains("NoSuchBucket"))
}

fn chain<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = String> + 'a {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string)
}

/// Returns the reason of an error, in words for the user.
fn plain(error: &StoreError) -> String {
    let messages: Vec<String> = chain(error).collect();
    let says = |code: &str| messages.iter().any(|message| message.contains(code));
    let known = [
        ("NoSuchBucket", "the bucket does not exist"),
        ("InvalidAccessKeyId", "the store does not know this key: check AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "the store rejects the signature: check AWS_SECRET_ACCESS_KEY and AWS_REGION"),
        ("AccessDenied", "the store denies access with these credentials"),
        ("169.254.169.254", "credentials are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ];
    if let Some((_, words)) = known.iter().find(|(code, _)| says(code)) {
        return (*words).to_owned();
    }
    if let StoreError::Unauthenticated { .. } | StoreError::PermissionDenied { .. } = error {
        return "the store denies access with these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned();
    }
    if let StoreError::NotFound { .. } = error {
        return "it does not exist".to_owned();
    }
    // The last cause is the most specific one. The first message describes the retries.
    let last = messages.last().map_or("", String::as_str);
    last.split_whitespace().collect::<Vec<_>>().join(" ")
}
