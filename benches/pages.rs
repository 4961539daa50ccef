//! `just bench-pages`: measures every page with 500 models and 500 windows in the registry: its size in bytes, the time
//! until it is received, and the time until Chromium shows its first content. About two minutes.
//!
//! Without Chromium and chromedriver, the last figure is not measured.
//! `WINDROW_BENCH_SIZE=small`: 20 models, 20 windows, three rounds; seconds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::process::ExitCode;
use std::time::Instant;

use windrow_testing::browser::Browser;
use windrow_testing::large::{enlarge, pipeline};
use windrow_testing::{Running, http};

use crate::support::peers::tool;
use crate::support::process::run_once;
use crate::support::size::{Size, bench};
use crate::support::table::Table;

/// The names under which Chromium is installed.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn main() -> ExitCode {
    bench(|size| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(run(size));
        Ok(())
    })
}

async fn run(size: Size) {
    let (count, rounds) = size.pick((500, 21), (20, 3));
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    run_once(&file, &few, &[]);
    enlarge(&few, &many, count);
    let began = Instant::now();
    let workdir_text = many.display().to_string();
    let server = Running::start(&["serve", &file, "--workdir", &workdir_text, "--listen", "127.0.0.1:0"]);
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    println!("{count} models, {count} windows: served after {:.1} s", began.elapsed().as_secs_f64());
    let browser = match chromium() {
        Ok(()) => Browser::start().await,
        Err(why) => {
            println!("first content: not measured: {why}");
            None
        }
    };
    let table = Table::new("page", &["kB", "there, ms", "first content, ms"]);
    let (window, model) = (format!("/windows/{count}"), format!("/models/window-{count}"));
    let pair = "/compare?first=window-1&second=window-2";
    for page in ["/", "/evidence", "/stream", &window, "/models", &model, pair, "/try", "/assets/windrow.js"] {
        let address = format!("{url}{page}");
        let mut size = 0;
        let there = median((0..rounds).map(|_| {
            let began = Instant::now();
            let (status, _, body) = http("GET", &address, None);
            assert_eq!(status, 200, "{address}");
            size = body.len();
            1000.0 * began.elapsed().as_secs_f64()
        }));
        let mut shown = Vec::new();
        if let Some(browser) = browser.as_ref().filter(|_| !page.contains("assets")) {
            for _ in 0..rounds {
                browser.open(&address).await;
                let paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
                browser.wait("content", &paint.replace("?? null", "> 0")).await;
                shown.extend(browser.run(paint).await.as_f64());
            }
        }
        let shown = if shown.is_empty() { "-".to_owned() } else { format!("{:.0}", median(shown.into_iter())) };
        table.row(page, &[format!("{:.1}", size as f64 / 1000.0), format!("{there:.1}"), shown]);
    }
}

/// Checks that a browser is installed.
fn chromium() -> Result<(), String> {
    tool("chromedriver", "chromium-driver")?;
    if CHROMIUM.iter().any(|name| tool(name, "chromium").is_ok()) {
        return Ok(());
    }
    tool("chromium", "chromium").map(|_| ())
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
