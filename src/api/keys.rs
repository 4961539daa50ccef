//! API keys: who may ask, and who may change what aliases stand for.
//!
//! A key is a long random text, of which the server knows the sha256 alone; keys are as random as their digests, so that
//! nothing slower is needed. A key that is given is compared with all of them in constant time.

use std::path::{Path, PathBuf};

use poem::Request;
use poem::http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Asking: everything but what changes something.
    Read,
    /// Changing too.
    Admin,
}

impl Scope {
    /// Its name, as in a file of keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A key as a file of keys has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Who has it: told in the history of aliases and in the log.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// The sha256 of the key, in hexadecimal.
    pub sha256: String,
}

/// The keys that are known; without any, everybody may do everything.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<(String, Scope, [u8; 32])>);

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    name: String,
    scope: Scope,
}

impl Caller {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}

impl Keys {
    /// Reads the keys of a file (TOML: `[[key]]` tables with `name`, `scope` and `sha256`) and those of a text as the
    /// environment has it: `NAME:SCOPE:KEY`, several separated by commas.
    ///
    /// # Errors
    /// The file cannot be read or is no file of keys, the text is none, or a name stands twice.
    pub fn load(file: Option<&Path>, text: Option<&str>) -> Result<Self, KeysError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            key: Vec<ApiKey>,
        }

        let mut keys = Vec::new();
        if let Some(path) = file {
            let unreadable = |reason: String| KeysError::File { path: path.to_owned(), reason };
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
            let file: File = toml::from_str(&text).map_err(|error| unreadable(error.to_string().trim().to_owned()))?;
            for ApiKey { name, scope, sha256 } in file.key {
                let digest = from_hexadecimal(&sha256).ok_or_else(|| {
                    unreadable(format!(
                        "the sha256 of `{name}` is not 64 hexadecimal digits; `windrow key NAME` makes one"
                    ))
                })?;
                keys.push((name, scope, digest));
            }
        }
        let named_by_file = keys.len();
        for entry in text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let mut parts = entry.splitn(3, ':');
            let scope = |text: &str| match text {
                "read" => Some(Scope::Read),
                "admin" => Some(Scope::Admin),
                _ => None,
            };
            match (parts.next(), parts.next().and_then(scope), parts.next()) {
                (Some(name), Some(scope), Some(key)) if !name.is_empty() && !key.is_empty() => {
                    keys.push((name.to_owned(), scope, digest(key)));
                }
                _ => return Err(KeysError::Text),
            }
        }
        // Blanks and commas name nobody, and a server that was to ask for keys must not be open.
        if text.is_some() && keys.len() == named_by_file {
            return Err(KeysError::Text);
        }
        let mut names: Vec<&str> = keys.iter().map(|(name, ..)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(KeysError::Twice { name: twice[0].to_owned() });
        }
        if file.is_some() && keys.is_empty() {
            return Err(KeysError::None);
        }
        Ok(Self(keys))
    }

    /// Whether nobody needs a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has this key. All keys are compared, each in constant time.
    pub(crate) fn caller(&self, given: &str) -> Option<Caller> {
        let given = digest(given);
        let mut found = u64::MAX;
        for (place, (.., known)) in self.0.iter().enumerate() {
            let is_it: Choice = known.ct_eq(&given);
            found.conditional_assign(&(place as u64), is_it);
        }
        let (name, scope, _) = usize::try_from(found).ok().and_then(|place| self.0.get(place))?;
        Some(Caller { name: name.clone(), scope: *scope })
    }
}

/// A new key, and its entry for a file of keys.
#[must_use]
pub fn new_key(name: &str, scope: Scope) -> (String, ApiKey) {
    let key: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("windrow-{key}");
    let sha256 = digest(&key).iter().map(|byte| format!("{byte:02x}")).collect();
    (key, ApiKey { name: name.to_owned(), scope, sha256 })
}

/// The key that a request gives: as a bearer token, in X-API-Key, or as the password of a browser's own prompt.
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

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Why the keys cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file.
    #[error("cannot read the API keys in {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The text of the environment.
    #[error("WINDROW_API_KEYS is not of the form NAME:SCOPE:KEY[,...] with a scope of read or admin")]
    Text,
    /// Two of one name.
    #[error("there are two API keys of the name `{name}`: the history of aliases could not tell them apart")]
    Twice {
        /// The name.
        name: String,
    },
    /// A file without any.
    #[error("the file of API keys has none, and so nobody could ask; leave serve.keys out to ask for no key")]
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
        let keys = Keys::load(Some(&path), Some("app:read:secret:with:colons, other:admin:x")).expect("keys");
        let caller = |key: &str| keys.caller(key).map(|caller| (caller.name().to_owned(), caller.scope()));
        assert_eq!(caller(&key), Some(("ops".to_owned(), Scope::Admin)));
        assert_eq!(caller("secret:with:colons"), Some(("app".to_owned(), Scope::Read)));
        assert_eq!(caller("x"), Some(("other".to_owned(), Scope::Admin)));
        for wrong in ["", "secret", &entry.sha256, "y"] {
            assert_eq!(caller(wrong), None, "{wrong}");
        }
        assert!(matches!(Keys::load(Some(&path), Some("ops:read:x")), Err(KeysError::Twice { .. })));
        for (text, is_told) in [
            (file.replace("admin", "root"), "root"),
            (file.replace("sha256 = \"", "sha256 = \"0"), "64 hexadecimal digits"),
            ("keys = 3".to_owned(), "keys"),
        ] {
            std::fs::write(&path, text).expect("a file");
            let error = Keys::load(Some(&path), None).expect_err("no file of keys").to_string();
            assert!(error.contains(is_told), "{error}");
        }
        for text in ["ops", "ops:admin", "ops:root:x", ":read:x", " ", ",", " , "] {
            assert!(matches!(Keys::load(None, Some(text)), Err(KeysError::Text)), "{text}");
        }
        assert!(Keys::load(None, None).expect("none").is_empty());
    }
}
