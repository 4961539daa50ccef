//! A server over a small pipeline with a feature of every kind.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Running, command, http, run_once, wait_until};

/// Writes the pipeline file and its dataset: three windows of 100 rows. The last window gives no model of its own, because
/// all its targets are negative.
///
/// # Panics
/// A file cannot be written.
pub fn pipeline(folder: &Path) -> String {
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

/// Starts a server with the models of [`pipeline`]; returns it and its URL.
pub fn server(folder: &Path) -> (Running, String) {
    server_with(folder, "")
}

/// Starts the same server with the lines of a `[serve]` table.
pub fn server_with(folder: &Path, table: &str) -> (Running, String) {
    let (file, workdir) = (pipeline(folder), folder.join("work").display().to_string());
    run_once(&file, &workdir, &[]);
    with_table(&file, table);
    serve(&file, &workdir)
}

/// Appends a `[serve]` table to a pipeline file.
///
/// # Panics
/// The file cannot be written.
pub fn with_table(file: &str, table: &str) {
    let text = fs::read_to_string(file).expect("a pipeline file");
    fs::write(file, format!("{text}\n[serve]\n{table}\n")).expect("a file");
}

/// Starts a server over a pipeline file and a work directory; returns it and its URL.
pub fn serve(file: &str, workdir: &str) -> (Running, String) {
    serve_by(&mut command(&["serve", file, "--workdir", workdir, "--listen", "127.0.0.1:0"]), workdir)
}

/// Starts a server by a given command; returns it and its URL when it is ready, or at once if there are no models.
///
/// # Panics
/// The server does not become ready.
pub fn serve_by(command: &mut Command, workdir: &str) -> (Running, String) {
    let server = Running::spawn(command);
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    if Path::new(workdir).join("models").exists() {
        wait_until("the server is ready", || http("GET", &format!("{url}/health/ready"), None).0 == 200);
    }
    (server, url)
}

/// Returns a row for which the models give a prediction.
pub fn row() -> Value {
    json!({"miles": 100, "fare": 7.5, "carrier": "UA", "at": "2013-01-01 07:00"})
}
