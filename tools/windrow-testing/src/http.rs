//! Requests over HTTP. An error status is an answer, not a failure of the test.

use std::collections::BTreeMap;

use serde_json::Value;
use ureq::Agent;

use crate::STEP_TIMEOUT;

/// The header of a JSON body.
pub const JSON: (&str, &str) = ("content-type", "application/json");

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
    Agent::new_with_config(config.timeout_global(Some(STEP_TIMEOUT)).build())
}

/// Sends a request; returns status, content type and body.
///
/// # Panics
/// The server does not answer.
pub fn http(method: &str, url: &str, body: Option<&str>) -> (u16, String, String) {
    let agent = agent();
    let mut response = match (method, body) {
        ("GET", _) => agent.get(url).call(),
        (_, body) => agent.post(url).header(JSON.0, JSON.1).send(body.unwrap_or_default()),
    }
    .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let kind = response.headers().get(JSON.0).map(|kind| kind.to_str().unwrap_or_default().to_owned());
    let body = response.body_mut().read_to_string().expect("a readable body");
    (response.status().as_u16(), kind.unwrap_or_default(), body)
}

/// An answer with its headers.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers, by names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl HttpAnswer {
    /// Parses the body as JSON.
    ///
    /// # Panics
    /// The body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Returns a header's value; empty if the answer does not have it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends a request with headers and a body.
///
/// # Panics
/// The server does not answer.
pub fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("a request");
    let mut response = agent().run(request).unwrap_or_else(|error| panic!("{url}: {error}"));
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let headers: BTreeMap<String, String> = headers.collect();
    let body = response.body_mut().read_to_string().expect("a readable body");
    HttpAnswer { status: response.status().as_u16(), headers, body }
}
