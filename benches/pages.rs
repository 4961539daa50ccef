//! `just bench-pages`: every page with 500 models and 500 windows in the registry: its bytes, the time until it is there, and
//! until Chromium shows its first content.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use windrow_testing::browser::Browser;
use windrow_testing::large::{enlarge, pipeline};
use windrow_testing::{Running, http, succeed};

const PAGES: [&str; 8] =
    ["/", "/evidence", "/stream", "/windows/500", "/models", "/models/window-500", "/try", "/assets/windrow.js"];
const ROUNDS: usize = 21;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    let place = few.display().to_string();
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &place, "--listen", "127.0.0.1:0"]);
    enlarge(&few, &many, 500);
    let began = Instant::now();
    let place = many.display().to_string();
    let server = Running::start(&["serve", &file, "--workdir", &place, "--listen", "127.0.0.1:0"]);
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    println!("500 models, 500 windows: served after {:.1} s", began.elapsed().as_secs_f64());
    let browser = Browser::start().await;
    println!("{:<22}{:>10}{:>14}{:>22}", "page", "kB", "there, ms", "first content, ms");
    for page in PAGES {
        let address = format!("{url}{page}");
        let mut size = 0;
        let there = median((0..ROUNDS).map(|_| {
            let began = Instant::now();
            size = http("GET", &address, None).2.len();
            1000.0 * began.elapsed().as_secs_f64()
        }));
        let mut shown = Vec::new();
        if let Some(browser) = browser.as_ref().filter(|_| !page.contains("assets")) {
            for _ in 0..ROUNDS {
                browser.open(&address).await;
                let paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
                browser.wait("content", &paint.replace("?? null", "> 0")).await;
                shown.extend(browser.run(paint).await.as_f64());
            }
        }
        let shown = if shown.is_empty() { "-".to_owned() } else { format!("{:.0}", median(shown.into_iter())) };
        println!("{page:<22}{:>10.1}{there:>14.1}{shown:>22}", size as f64 / 1000.0);
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
