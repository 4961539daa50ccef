//! The text of every page and of the report stays in its box: with long names, with one, two and 500 windows, in windows of
//! every size, light and dark, and after each action.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;
use windrow_testing::browser::{Browser, VIEWPORTS, Viewport};
use windrow_testing::{large, run_once, served, succeed};

/// Writes a pipeline of `rows` rows with long names, which is cut into windows of 400 rows.
fn long_names(folder: &Path, rows: u32) -> String {
    let (target, number) =
        ("whether_the_passenger_gave_a_tip_of_at_least_a_quarter", "distance_between_both_ends_in_miles");
    let category = "the borough and the zone in which the trip began";
    let mut dataset = format!("at,{target},{number},{category}\n");
    for row in 0..rows {
        let (day, minute) = (row / 40, row % 40 * 30);
        let date = format!("20{:02}-{:02}-{:02}", 10 + day / 336, 1 + day % 336 / 28, 1 + day % 28);
        let zone = format!("A zone with a name that goes on and on for long: {}", row % 40);
        let positive = u32::from((row * 7919) % 100 < 20 + row % 40);
        writeln!(dataset, "{date} {:02}:{:02},{positive},{},{zone}", minute / 60, minute % 60, row * 37 % 500)
            .expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"a-pipeline-with-a-name-that-is-longer-than-most-of-them\"\n[dataset]\npath = \"d.csv\"\n\
         time = {{ column = \"at\", format = \"%Y-%m-%d %H:%M\" }}\n[target]\ncolumn = \"{target}\"\nequals = \"1\"\n\
         [features]\nnumeric = [\"{number}\"]\ncategorical = [\"{category}\"]\nmin_count = 2\n[window]\nrows = 400\n\
         [train]\nschemes = [\"window\"]\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn text_stays_in_its_box_with_long_names_and_one_two_or_500_windows() {
    let Some(browser) = Browser::start().await else { return };
    for windows in [1, 2, 500] {
        let folder = tempfile::tempdir().expect("a folder");
        let (few, many) = (folder.path().join("few"), folder.path().join("many"));
        // The work directory of 500 windows is made from one of twenty.
        let file = long_names(folder.path(), if windows == 500 { 8_000 } else { 400 * windows });
        run_once(&file, &few, &[]);
        if windows > 1 {
            check_report(&browser, &file, &few, &folder.path().join("report.html")).await;
        }
        if windows == 500 {
            large::enlarge(&few, &many, windows);
        }
        let workdir = if windows == 500 { many } else { few };
        let (_server, url) = served::serve(&file, &workdir.display().to_string());
        for viewport in VIEWPORTS {
            browser.set_viewport(viewport).await;
            let Viewport { width, is_dark, .. } = viewport;
            let newest = format!("/models/window-{windows}");
            let window = format!("/windows/{windows}");
            let pair = format!("/compare?first=window-1&second=window-{}", windows.min(2));
            let pages = [
                "/",
                "/?score=auc",
                "/evidence",
                "/evidence?recipe=window",
                "/stream",
                &window,
                "/models",
                "/models?scheme=window",
                &newest,
                "/compare",
                &pair,
                "/try",
                "/models/a-model-that-does-not-exist",
            ];
            for page in pages {
                browser.open(&format!("{url}{page}")).await;
                let what = format!("{page} with {windows} windows, {width} px, dark: {is_dark}");
                browser.check_text(&what).await;
                // Everything that can be opened is open.
                browser.run("for (const one of document.querySelectorAll('details')) one.open = true").await;
                browser.check_text(&format!("{what}, opened")).await;
                if page == "/models" {
                    check_columns(&browser, &what).await;
                }
            }
            after_each_action(&browser, &url, windows).await;
        }
        // The log of the missing page, and of the refused requests.
        browser.complaints().await;
    }
}

/// Checks that the tables of models have the same columns.
async fn check_columns(browser: &Browser, what: &str) {
    let script = "const widths = (table) => [...table.querySelectorAll('thead th')]\
                  .map((cell) => Math.round(cell.getBoundingClientRect().width)).join(' '); \
                  return new Set([...document.querySelectorAll('.alike table')].map(widths)).size";
    let kinds = browser.run(script).await;
    assert!(kinds.as_u64().is_some_and(|kinds| kinds <= 1), "{what}: {kinds} kinds of tables");
}

/// Checks the report of a work directory in a window of each size. On a narrow screen, a row of the policies is not
/// higher than a few lines.
async fn check_report(browser: &Browser, file: &str, workdir: &Path, out: &Path) {
    let (workdir, out) = (workdir.display().to_string(), out.display().to_string());
    succeed(&["report", file, "--workdir", &workdir, "--out", &out]);
    for viewport in VIEWPORTS {
        browser.set_viewport(viewport).await;
        browser.open(&format!("file://{out}")).await;
        browser.check_text(&format!("the report, {viewport:?}")).await;
        let highest = "let one = [...document.querySelectorAll('h2')].find((one) => one.textContent === 'All policies'); \
                       while (!one.matches('.table')) one = one.nextElementSibling; \
                       return Math.max(...[...one.querySelectorAll('tbody tr')].map((row) => row.offsetHeight))";
        let highest = browser.run(highest).await;
        assert!(highest.as_f64().is_some_and(|pixels| pixels < 90.0), "a row of {highest} px, {viewport:?}");
    }
}

/// Sorts, filters and pages through a table, hides a line, compares two models, asks a model, and changes to dark or light.
/// Checks the text after each.
async fn after_each_action(browser: &Browser, url: &str, windows: u32) {
    browser.open(&format!("{url}/stream")).await;
    browser.run("document.querySelectorAll('thead a')[2].click()").await;
    browser.wait("a sorted table", "return document.querySelector('th[aria-sort]') !== null").await;
    browser.check_text("a sorted table").await;
    if windows > 2 {
        browser.open(&format!("{url}/models?scheme=window")).await;
        browser
            .run("const box = document.querySelector('input[type=\"search\"]'); box.value = 'window-1'; box.form.requestSubmit()")
            .await;
        browser.wait("a filtered table", "return location.search.includes('listed-filter')").await;
        browser.wait("fewer rows", "return document.querySelector('.filter .quiet') !== null").await;
        browser.check_text("a filtered table").await;
        browser.open(&format!("{url}/models?scheme=window")).await;
        browser.run("document.querySelector('.pages a').click()").await;
        browser.wait("the next page of a table", "return location.search.includes('listed-page=2')").await;
        browser.check_text("the next page of a table").await;
        browser.open(url).await;
        browser.run("document.querySelector('.lines input').click()").await;
        let hidden = "return getComputedStyle(document.querySelector('.pictures .l0')).display === 'none'";
        browser.wait("a hidden line", hidden).await;
        browser.check_text("a hidden line").await;
        let moved = "const [one, other] = document.querySelectorAll('.pictures svg a'); one.focus(); \
                     one.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true })); \
                     return document.activeElement === other";
        assert_eq!(browser.run(moved).await, json!(true), "the arrow keys go from point to point");
    }
    browser.open(&format!("{url}/try")).await;
    browser.run("document.querySelector('#try').requestSubmit()").await;
    browser.wait("an answer", "return document.querySelectorAll('#all tbody tr').length > 0").await;
    browser.check_text("an answer").await;
    let wrong = "const one = document.querySelector('#try input'); one.value = 'a word that goes on and on without an end'; \
                 one.form.requestSubmit()";
    browser.run(wrong).await;
    browser.wait("a refusal", "return document.querySelector('#try [aria-invalid=\"true\"]') !== null").await;
    browser.check_text("a refusal").await;
    browser.open(&format!("{url}/compare")).await;
    browser.run("document.querySelector('form.choose').requestSubmit()").await;
    browser.wait("two models", "return location.search.includes('second=')").await;
    browser.check_text("two models").await;
    browser.run("document.getElementById('theme').click()").await;
    browser.check_text("the other colours").await;
    browser.run("localStorage.removeItem('theme')").await;
}
