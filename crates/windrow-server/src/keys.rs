//! API keys: the clients that may send requests, and those that may change aliases.
//!
//! The server stores only the SHA-256 of each key. `windrow key` makes keys of 256 random bits, so a fast hash is
//! enough. A given key is compared with all known keys in constant time.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use poem::Request;
use poem::http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The permissions of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every request that changes nothing.
    Read,
    /// Every request, including changes of aliases.
    Admin,
}

/// An entry of the key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The owner's name. It appears in the history of aliases and in the log.
    pub name: String,
    /// The permissions of the key.
    pub scope: Scope,
    /// The SHA-256 of the key, in hexadecimal.
    pub sha256: String,
}

/// The known keys. If the list is empty, requests need no key.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The owner and the SHA-256 of each key.
    known: Vec<(Caller, [u8; 32])>,
    file: Option<PathBuf>,
    /// The other keys, as text from the environment.
    text: Option<String>,
    /// Maximum requests per second for each key.
    rate: Option<NonZeroU32>,
}

/// The owner of a known key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    pub(crate) scope: Scope,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Caller {
    /// Counts a request against the rate limit.
    ///
    /// # Errors
    /// Returns the time to wait if the limit is exceeded.
    pub(crate) fn check_rate_limit(&self) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check().map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

impl Keys {
    /// Loads the keys of a file and of a text.
    ///
    /// The file is TOML with `[[key]]` tables of `name`, `scope` and `sha256`. The text has entries of the form
    /// `NAME:SCOPE:KEY`, separated by commas. `rate` is the limit of requests per second for each key.
    ///
    /// # Errors
    ///
    /// - The file cannot be read, is not a key file, or has no keys.
    /// - The text has another form.
    /// - Two keys have the same name.
    pub fn load(file: Option<&Path>, text: Option<&str>, rate: Option<NonZeroU32>) -> Result<Self, KeysError> {
        let mut keys = Self { known: Vec::new(), file: file.map(Path::to_owned), text: text.map(str::to_owned), rate };
        if let Some(path) = file {
            keys.read_file(path)?;
            if keys.known.is_empty() {
                return Err(KeysError::None);
            }
        }
        if let Some(text) = text {
            keys.read_text(text)?;
        }
        let mut names: Vec<&str> = keys.known.iter().map(|(caller, _)| &*caller.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(KeysError::DuplicateName(twice[0].to_owned()));
        }
        Ok(keys)
    }

    pub(crate) fn reloaded(&self) -> Result<Self, KeysError> {
        Self::load(self.file.as_deref(), self.text.as_deref(), self.rate)
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn read_file(&mut self, path: &Path) -> Result<(), KeysError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[serde(default)]
            key: Vec<ApiKey>,
        }

        let unreadable = |reason: String| KeysError::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|error| unreadable(error.to_string().trim().to_owned()))?;
        for ApiKey { name, scope, sha256 } in file.key {
            let mut digest = [0; 32];
            hex::decode_to_slice(&sha256, &mut digest).map_err(|_| {
                unreadable(format!("the sha256 of `{name}` is not 64 hexadecimal digits; `windrow key NAME` makes one"))
            })?;
            self.add(&name, scope, digest);
        }
        Ok(())
    }

    /// Adds the keys of a text. An empty text is an error: the operator wanted keys, so the server must not be open.
    fn read_text(&mut self, text: &str) -> Result<(), KeysError> {
        let scope = |text: &str| match text {
            "read" => Some(Scope::Read),
            "admin" => Some(Scope::Admin),
            _ => None,
        };
        for entry in text.split(',').map(str::trim) {
            let mut parts = entry.splitn(3, ':');
            match (parts.next(), parts.next().and_then(scope), parts.next()) {
                (Some(name), Some(scope), Some(key)) if !name.is_empty() && !key.is_empty() => {
                    self.add(name, scope, digest(key));
                }
                _ => return Err(KeysError::Text),
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, scope: Scope, sha256: [u8; 32]) {
        let limiter = self.rate.map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        self.known.push((Caller { name: name.into(), scope, limiter }, sha256));
    }

    /// Returns true if requests need no key.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns the owner of a key. Compares the key with all known keys, each in constant time.
    pub(crate) fn caller(&self, given: &str) -> Option<Caller> {
        let given = digest(given);
        let mut found = u64::MAX;
        for (index, (_, sha256)) in self.known.iter().enumerate() {
            let is_it: Choice = sha256.ct_eq(&given);
            found.conditional_assign(&(index as u64), is_it);
        }
        let (caller, _) = usize::try_from(found).ok().and_then(|index| self.known.get(index))?;
        Some(caller.clone())
    }
}

/// Creates a random key and its entry for the key file.
#[must_use]
pub fn new_key(name: &str, scope: Scope) -> (String, ApiKey) {
    let key = format!("windrow-{}", hex::encode(rand::random::<[u8; 32]>()));
    let sha256 = hex::encode(digest(&key));
    (key, ApiKey { name: name.to_owned(), scope, sha256 })
}

/// Returns the key of a request: a bearer token, the header `X-API-Key`, or the password of basic authentication.
/// Browsers prompt for the latter.
pub(crate) fn given(request: &Request) -> Option<String> {
    if let Some(key) = request.header("x-api-key") {
        return Some(key.to_owned());
    }
    let (kind, credentials) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    if kind.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if kind.eq_ignore_ascii_case("basic") {
        use base64::Engine as _;
        let decoded = base64::engine::general_purpose::STANDARD.decode(credentials.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// An error in the configuration of the API keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key file cannot be read or is not valid.
    #[error("cannot read the API keys in {}: {reason}", path.display())]
    File {
        /// The path of the key file.
        path: PathBuf,
        /// A description of the fault.
        reason: String,
    },
    /// The text of the environment is not valid.
    #[error(
        "WINDROW_API_KEYS is not of the form NAME:SCOPE:KEY[,...] with the scope read or admin; unset it to require no \
         key"
    )]
    Text,
    /// Two keys have the same name.
    #[error("two API keys have the name `{0}`: rename one, because the history of aliases shows only the name")]
    DuplicateName(String),
    /// The key file contains no keys.
    #[error("the file of API keys has no key, so no request would be allowed; add one, or remove serve.keys")]
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest() {
        let (key, entry) = new_key("ops", Scope::Admin);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.toml");
        let file = format!("[[key]]\nname = \"ops\"\nscope = \"admin\"\nsha256 = \"{}\"\n", entry.sha256);
        std::fs::write(&path, &file).expect("a file");
        let keys = Keys::load(Some(&path), Some("app:read:secret:with:colons, other:admin:x"), None).expect("keys");
        let caller = |key: &str| keys.caller(key).map(|caller| (caller.name.to_string(), caller.scope));
        assert_eq!(caller(&key), Some(("ops".to_owned(), Scope::Admin)));
        assert_eq!(caller("secret:with:colons"), Some(("app".to_owned(), Scope::Read)));
        assert_eq!(caller("x"), Some(("other".to_owned(), Scope::Admin)));
        for wrong in ["", "secret", &entry.sha256, "y"] {
            assert_eq!(caller(wrong), None, "{wrong}");
        }
        assert!(matches!(Keys::load(Some(&path), Some("ops:read:x"), None), Err(KeysError::DuplicateName(_))));
        for (text, expected) in [
            (file.replace("admin", "root"), "root"),
            (file.replace("sha256 = \"", "sha256 = \"0"), "64 hexadecimal digits"),
            ("keys = 3".to_owned(), "keys"),
        ] {
            std::fs::write(&path, text).expect("a file");
            let error = Keys::load(Some(&path), None, None).expect_err("no file of keys").to_string();
            assert!(error.contains(expected), "{error}");
        }
        for text in ["ops", "ops:admin", "ops:root:x", ":read:x", "", " ", ",", " , ", "a:read:x,"] {
            assert!(matches!(Keys::load(None, Some(text), None), Err(KeysError::Text)), "{text}");
        }
        assert!(Keys::load(None, None, None).expect("none").is_empty());
    }

    #[test]
    fn a_key_that_asks_too_often_has_to_wait() {
        let keys = Keys::load(None, Some("a:read:x,b:read:y"), NonZeroU32::new(2)).expect("keys");
        let request = |key: &str| keys.caller(key).expect("a caller").check_rate_limit();
        assert!(request("x").is_ok() && request("x").is_ok());
        assert!(request("x").expect_err("the third within a second") <= Duration::from_secs(1));
        assert!(request("y").is_ok(), "each key has its own");
    }
}
