//! A server over a small pipeline that has every kind of feature.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::windrow::{LIMIT, Running, command, http, succeed};

/// A pipeline with every kind of feature, and a last window that cannot be learned from: its rows are all on time.
pub(crate) fn pipeline(folder: &Path) -> String {
    let mut dataset = "at,late,miles,fare,carrier\n".to_owned();
    for row in 0..300 {
        let late = if row < 200 && (row * 7) % 10 < 4 { 20 } else { 0 };
        let (carrier, day, hour) = (["UA", "B6", "AA"][row % 3], 1 + row / 24, row % 24);
        writeln!(dataset, "2013-01-{day:02} {hour:02}:00,{late},{},{},{carrier}", (row * 37) % 500, row % 50)
            .expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = "name = \"p\"\n[dataset]\npath = \"d.csv\"\ntime = { column = \"at\", format = \"%Y-%m-%d %H:%M\" }\n\
                [target]\ncolumn = \"late\"\nat_least = 15\n[features]\nnumeric = [\"miles\"]\nlog = [\"fare\"]\n\
                categorical = [\"carrier\"]\ncalendar = [\"hour\"]\nmin_count = 5\n[window]\nrows = 100\n";
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// A server with the models of that pipeline.
pub(crate) fn server(folder: &Path) -> (Running, String) {
    server_with(folder, "")
}

/// The same, with a `[serve]` table.
pub(crate) fn server_with(folder: &Path, table: &str) -> (Running, String) {
    let (file, workdir) = (pipeline(folder), folder.join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    with_table(&file, table);
    serve(&file, &workdir)
}

/// Puts a `[serve]` table behind a pipeline file.
pub(crate) fn with_table(file: &str, table: &str) {
    let text = fs::read_to_string(file).expect("a pipeline file");
    fs::write(file, format!("{text}\n[serve]\n{table}\n")).expect("a file");
}

pub(crate) fn serve(file: &str, workdir: &str) -> (Running, String) {
    serve_by(&mut command(&["serve", file, "--workdir", workdir, "--listen", "127.0.0.1:0"]), workdir)
}

/// The same, by a command of one's own making.
pub(crate) fn serve_by(command: &mut Command, workdir: &str) -> (Running, String) {
    let server = Running::spawn(command);
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let deadline = std::time::Instant::now() + LIMIT;
    while Path::new(workdir).join("models").exists() && http("GET", &format!("{url}/health/ready"), None).0 != 200 {
        assert!(std::time::Instant::now() < deadline, "the server does not get ready");
    }
    (server, url)
}

pub(crate) fn row() -> Value {
    json!({"miles": 100, "fare": 7.5, "carrier": "UA", "at": "2013-01-01 07:00"})
}

/// An answer with all that comes with it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Asks with headers; an error status is an answer too.
pub(crate) fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(LIMIT))
            .build(),
    );
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response =
        agent.run(request.body(body).expect("a request")).unwrap_or_else(|error| panic!("{url}: {error}"));
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let headers: BTreeMap<String, String> = headers.collect();
    let body = response.body_mut().read_to_string().expect("a readable body");
    Answer { status: response.status().as_u16(), headers, body }
}

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
