//! An identity provider: issues tokens to clients that know its secret, and publishes the key that signs them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

/// The login of these tests, as in HTTP's basic authentication.
const LOGIN: &str = "windrow:a-secret-of-the-test";

pub(crate) struct Provider {
    /// The URL at which tokens are issued.
    pub(crate) tokens: String,
    /// The URL of the public keys.
    pub(crate) keys: String,
}

impl Provider {
    pub(crate) fn start(folder: &Path) -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("a key");
        // An uncompressed point: the byte 4, then both coordinates.
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let keys = serde_json::json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "test",
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        }]});
        let path = folder.join("keys.json");
        fs::write(&path, keys.to_string()).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.expect("a connection"), &key, &random);
            }
        });
        Self { tokens: format!("http://{address}/token"), keys: format!("file://{}", path.display()) }
    }
}

fn answer(stream: TcpStream, key: &EcdsaKeyPair, random: &SystemRandom) {
    let mut reader = BufReader::new(&stream);
    let (mut length, mut is_known) = (0, false);
    let expected = BASE64_STANDARD.encode(LOGIN);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => is_known = value.strip_prefix("Basic ") == Some(&expected),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let (status, body) = if is_known {
        ("200 OK", serde_json::json!({"access_token": token(key, random), "token_type": "Bearer", "expires_in": 300}))
    } else {
        ("401 Unauthorized", serde_json::json!({"error": "invalid_client"}))
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    (&stream).write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).expect("it listens");
}

/// Returns a token as in RFC 7519, signed with ES256 (RFC 7518).
fn token(key: &EcdsaKeyPair, random: &SystemRandom) -> String {
    #[expect(clippy::disallowed_methods, reason = "a token bears its time")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = serde_json::json!({"iss": "https://provider.example", "sub": "windrow", "aud": "windrow", "iat": now, "exp": now + 300});
    let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(serde_json::json!({"alg": "ES256", "kid": "test"})), encode(claims));
    let signature = key.sign(random, signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}
