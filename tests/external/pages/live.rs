//! The live pictures of the stream: their values under the mouse, a finger and the keyboard, while they are drawn again.

use serde_json::json;
use windrow_testing::Running;
use windrow_testing::browser::{Browser, VIEWPORTS};

use crate::pages::{address, pipeline};

/// The point of three seconds ago in the third picture: the rows per second of each partition.
const POINT: &str = "#recent figure:nth-of-type(3) svg.live .point:nth-last-child(4)";
/// Reads the third picture: its chosen point, and the texts that it shows.
const PICTURE: &str = "const picture = document.querySelector('#recent figure:nth-of-type(3) svg.live'); \
                       const chosen = picture.querySelector('.on'); \
                       const texts = [...picture.querySelectorAll('.shown text')].map((one) => one.textContent); ";
/// Compares the texts with those of the chosen point: its time, and a number of each partition.
const SAYS: &str = "const says = chosen?.getAttribute('aria-label') === `${texts[0]}: ${texts.slice(1).join('; ')}` && \
                    texts.length === 4 && / s ago$/.test(texts[0]) && \
                    texts.slice(1).every((one) => /^partition [012]: [0-9.,]+$/.test(one)); ";

/// Waits until the picture is as a condition says.
async fn wait(browser: &Browser, what: &str, condition: &str) {
    browser.wait(what, &format!("{PICTURE}{SAYS}return {condition}")).await;
}

/// Waits until the picture has been drawn twice, and checks that it has shown the values of the same point all the time.
async fn check_redraws(browser: &Browser, what: &str) {
    let begin = "window.rested = chosen; window.redraws = 0; window.lost = 0; window.watch?.disconnect(); \
                 window.watch = new MutationObserver(() => { window.redraws += 1; \
                 if (picture.querySelector('.on') !== window.rested || \
                 picture.querySelector('.shown text').textContent === 'now') window.lost += 1; }); \
                 window.watch.observe(picture, { subtree: true, childList: true, characterData: true, attributes: true })";
    browser.run(&format!("{PICTURE}{begin}")).await;
    wait(browser, what, "window.redraws >= 2 && says && chosen === window.rested").await;
    assert_eq!(browser.run("return window.lost").await, json!(0), "{what}: the values flickered");
    browser.run("window.watch.disconnect()").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn a_live_picture_says_its_values_while_it_is_drawn_again() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), "{ kind = \"fixed\", delay = \"40ms\" }\npartitions = 3");
    let workdir = folder.path().join("work").display().to_string();
    let run = Running::start(&["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = address(&run);
    browser.set_viewport(VIEWPORTS[0]).await;
    browser.open(&format!("{url}/stream")).await;
    let known = format!(
        "return /s ago: partition 0: .*partition 1: .*partition 2: /.test(document.querySelector({})?.getAttribute('aria-label'))",
        json!(POINT)
    );
    browser.wait("numbers of three seconds ago", &known).await;
    the_mouse_reads_it(&browser).await;
    the_keyboard_reads_it(&browser).await;
    a_finger_reads_it(&browser).await;
    for viewport in VIEWPORTS {
        browser.set_viewport(viewport).await;
        browser.hover(POINT).await;
        wait(&browser, "the values of a moment", "says").await;
        browser.check_text(&format!("the values of a moment, {viewport:?}")).await;
    }
    browser.check(&url, None).await;
}

async fn the_mouse_reads_it(browser: &Browser) {
    browser.hover(POINT).await;
    wait(browser, "the values under the mouse", "says").await;
    browser.run(&format!("{PICTURE}window.said = texts.join()")).await;
    check_redraws(browser, "the mouse rests").await;
    wait(browser, "values that follow the redraw", "says && texts.join() !== window.said").await;
    browser.hover("h1").await;
    wait(browser, "the newest values after the mouse has left", "chosen === null && texts[0] === 'now'").await;
}

async fn the_keyboard_reads_it(browser: &Browser) {
    let newest = "picture.querySelector('[tabindex=\"0\"]').focus()";
    browser.run(&format!("{PICTURE}{newest}")).await;
    for _ in 0..3 {
        browser.press("ArrowLeft", 37).await;
    }
    wait(browser, "the values at the focus", "says && chosen === document.activeElement").await;
    check_redraws(browser, "the focus rests").await;
    let stops = "chosen === document.activeElement && picture.querySelectorAll('[tabindex=\"0\"]').length === 1 && \
                 chosen.getAttribute('tabindex') === '0'";
    wait(browser, "one point that the keyboard reaches", stops).await;
    browser.run("document.activeElement.blur()").await;
    wait(browser, "the newest values without the focus", "chosen === null && texts[0] === 'now'").await;
}

async fn a_finger_reads_it(browser: &Browser) {
    browser.set_viewport(VIEWPORTS[2]).await;
    browser.tap(POINT).await;
    wait(browser, "the values under the finger", "says").await;
    check_redraws(browser, "the finger is lifted").await;
    browser.tap("h1").await;
    wait(browser, "the newest values after a tap elsewhere", "chosen === null && texts[0] === 'now'").await;
}
