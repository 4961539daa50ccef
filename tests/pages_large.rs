//! The pages with 500 models and 500 windows in the registry: small, and of use.

#[path = "support/browser.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod browser;
#[path = "support/large.rs"]
mod large;
#[path = "support/served.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod served;
#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use serde_json::json;

use crate::browser::Browser;
use crate::large::{enlarge, pipeline};
use crate::served::{ask, serve};
use crate::windrow::succeed;

const COUNT: u32 = 500;
/// A page is smaller than so many bytes.
const LARGEST: usize = 500_000;
const PAGES: [&str; 10] = [
    "/",
    "/evidence",
    "/stream",
    "/stream?before=300",
    "/windows/500",
    "/models",
    "/models?before=window-200",
    "/models/window-500",
    "/try",
    "/nowhere",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_small_and_usable_with_500_models_and_500_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    let place = few.display().to_string();
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &place, "--listen", "127.0.0.1:0"]);
    enlarge(&few, &many, COUNT);
    let (_server, url) = serve(&file, &many.display().to_string());
    for page in PAGES {
        let answer = ask("GET", &format!("{url}{page}"), &[], b"");
        assert_eq!(answer.status, if page == "/nowhere" { 404 } else { 200 }, "{page}");
        assert!(answer.body.len() < LARGEST, "{page} has {} bytes", answer.body.len());
    }
    let Some(browser) = Browser::start().await else { return };
    browser.open(&format!("{url}/models")).await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, json!(100));
    assert_eq!(browser.text("tbody a").await, "window-500");
    browser.run("document.querySelector('.pages a').click()").await;
    browser.wait("earlier models", "return document.querySelector('tbody a')?.textContent === 'window-400'").await;
    browser.open(&format!("{url}/evidence")).await;
    // Bins of nine windows, and a run of one shade is one rectangle.
    let bins = browser.run("return document.querySelectorAll('figure.wide rect').length").await;
    assert!(bins.as_u64().is_some_and(|bins| (60..1900).contains(&bins)), "{bins}");
    browser.open(&format!("{url}/stream")).await;
    assert_eq!(browser.text("#state").await, "complete");
    browser.check(&url, None).await;
}
