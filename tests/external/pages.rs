//! The pages in a browser: live in one process and in five, with keys, with data that contain markup, light and dark.

mod live;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use windrow_testing::browser::{Browser, VIEWPORTS, axe};
use windrow_testing::{Running, command, free_port, http, large, succeed};

const PAGES: [&str; 10] = [
    "/",
    "/evidence",
    "/stream",
    "/windows/3",
    "/models",
    "/models?scheme=window",
    "/models/latest",
    "/compare",
    "/try",
    "/evidence?recipe=window",
];

/// Writes a pipeline with forty days of a hundred rows each. One row per day cannot be parsed.
fn pipeline(folder: &Path, pace: &str) -> String {
    let mut dataset = "at,late,miles,carrier\n".to_owned();
    for row in 0..4000_u64 {
        let (day, minute) = (row / 100, (row % 100) * 14);
        let (month, day) = (1 + day / 31, 1 + day % 31);
        let carrier = ["UA", "B6", "AA"][(row % 3) as usize];
        let late = if (row * 7919) % 100 < 20 + 30 * (row % 3) { 20 } else { 0 };
        let miles = if row % 100 == 50 { "<b>far</b>".to_owned() } else { ((row * 37) % 500).to_string() };
        writeln!(dataset, "2013-{month:02}-{day:02} {:02}:{:02},{late},{miles},{carrier}", minute / 60, minute % 60)
            .expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"p\"\n[dataset]\npath = \"d.csv\"\ntime = {{ column = \"at\", format = \"%Y-%m-%d %H:%M\" }}\n\
         [target]\ncolumn = \"late\"\nat_least = 15\n[features]\nnumeric = [\"miles\"]\ncategorical = [\"carrier\"]\n\
         calendar = [\"hour\"]\nmin_count = 5\n[window]\nevent = \"day\"\n[quarantine]\nmax_share = 0.5\n\
         [stream]\npace = {pace}\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

fn address(running: &Running) -> String {
    running.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned()
}

const PROGRESS_SCRIPT: &str = "const now = document.querySelector('[data-step=\"sealed\"] [data-text]').textContent; \
                     window.before ??= now; return /^[0-9,]+$/.test(now) && now !== window.before";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn a_demo_is_followed_from_first_row_to_answer() {
    let Some(browser) = Browser::start().await else { return };
    let axe = axe();
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), "{ kind = \"fixed\", delay = \"6ms\" }");
    let workdir = folder.path().join("work").display().to_string();
    let run = Running::start(&["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = address(&run);
    browser.set_viewport(VIEWPORTS[0]).await;

    browser.open(&url).await;
    assert_eq!(browser.text("h1").await, "Schedules can be compared after window 2. Advice needs 16 windows.");
    browser.check(&url, axe.as_deref()).await;
    browser.wait("numbers move", PROGRESS_SCRIPT).await;
    let advised = "return document.querySelectorAll('.pictures svg').length === 3";
    browser.wait("the pictures come without a reload", advised).await;

    browser.open(&format!("{url}/models")).await;
    browser.run("window.newest = document.querySelector('tbody a').textContent").await;
    let appeared = "return document.querySelector('tbody a').textContent !== window.newest";
    browser.wait("a model appears without a reload", appeared).await;

    browser.open(&format!("{url}/stream")).await;
    let moving = "return document.querySelectorAll('#recent svg path').length >= 2 && \
                  document.querySelector('[data-stage=\"producer\"]').textContent.startsWith('sends rows: ')";
    browser.wait("live lines, and what each stage does", moving).await;
    browser.wait("the stream ends", "return document.getElementById('state').textContent === 'complete'").await;
    let steps = "return [...document.querySelectorAll('[data-step] [data-text]')].map((one) => one.textContent)";
    // Steps with the same number of rows are one card when all is done.
    browser.wait("the cards of the end", "return document.querySelector('.road.done') !== null").await;
    // Two models of each window, and those that only the advice asks for. The last of these may come after the windows.
    let begun = Instant::now();
    loop {
        let models = fs::read_dir(folder.path().join("work/models")).expect("models").count();
        let (shown, expected) = (browser.run(steps).await, json!(["4,000", "3,960", models.to_string(), "40"]));
        if models >= 80 && shown == expected {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{shown} {expected}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser
        .wait("the reasons", "return document.querySelector('#windows').textContent.includes('is not a number')")
        .await;

    for viewport in VIEWPORTS {
        browser.set_viewport(viewport).await;
        for page in PAGES {
            browser.open(&format!("{url}{page}")).await;
            browser.check(&url, axe.as_deref()).await;
            let name = format!("{}{}.png", page.replace(['/', '?', '='], "-"), viewport.width);
            browser.picture(&folder.path().join(name)).await;
        }
    }
    the_first_screen_has_no_fold(&browser, &url).await;
    the_form_predicts(&browser, &url).await;
    the_choice_of_light_or_dark_is_kept(&browser, &url).await;
    a_card_is_printed_in_black_and_without_links(&browser, &url).await;
}

async fn a_card_is_printed_in_black_and_without_links(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/models/latest")).await;
    browser.emulate_print().await;
    let looks = "const of = (one) => getComputedStyle(document.querySelector(one)); return [of('svg text').fill, \
                 of('body').backgroundColor, of('nav').display, of('p.pages').display]";
    assert_eq!(browser.run(looks).await, json!(["rgb(0, 0, 0)", "rgb(255, 255, 255)", "none", "none"]));
}

async fn the_first_screen_has_no_fold(browser: &Browser, url: &str) {
    browser.set_viewport(VIEWPORTS[0]).await;
    browser.open(url).await;
    let ends = "return ['header', '.answer', '.pictures', '.way'].map((one) => \
                Math.round(document.querySelector(one).getBoundingClientRect().bottom))";
    let ends: Vec<i64> = serde_json::from_value(browser.run(ends).await).expect("numbers");
    assert!(ends.is_sorted() && ends.last().is_some_and(|last| *last <= 900), "{ends:?}");
    browser.set_viewport(VIEWPORTS[2]).await;
    browser.open(url).await;
    let order = "return [...document.querySelectorAll('.answer, .pictures, .way')].sort((a, b) => \
                 a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((one) => one.className.split(' ')[0])";
    assert_eq!(browser.run(order).await, json!(["answer", "pictures", "way"]));
}

async fn the_form_predicts(browser: &Browser, url: &str) {
    browser.set_viewport(VIEWPORTS[0]).await;
    browser.open(&format!("{url}/try?model=cumulative-7")).await;
    browser.run("document.querySelector('#try').requestSubmit()").await;
    browser.wait("an answer", "return document.querySelectorAll('#all tbody tr').length === 60").await;
    assert!(
        browser.text("#result h2").await.contains("% likely to be positive, "),
        "{}",
        browser.text("#result").await
    );
    assert_eq!(browser.run("return document.querySelectorAll('#result tbody tr svg').length").await, json!(3));
    let line = browser.text("#curl code").await;
    let output = std::process::Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = format!("{:.1}%", 100.0 * answer["probability"].as_f64().expect("a probability"));
    assert!(browser.text("#result h2").await.starts_with(&expected), "{line}: {answer}");
    // An error is shown next to its field.
    browser.run("const one = document.querySelector('#try input'); one.value = 'far'; one.form.requestSubmit()").await;
    browser.wait("a refusal", "return document.querySelector('#try [aria-invalid=\"true\"]') !== null").await;
    assert!(browser.text("#result").await.contains("miles"), "{}", browser.text("#result").await);
    // The browser logs the refused request itself; this call clears its log.
    browser.complaints().await;
}

async fn the_choice_of_light_or_dark_is_kept(browser: &Browser, url: &str) {
    browser.open(url).await;
    browser.run("document.getElementById('theme').click()").await;
    browser.open(&format!("{url}/models")).await;
    let is_dark = "return getComputedStyle(document.body).backgroundColor === 'rgb(21, 24, 28)'";
    assert_eq!(browser.run(is_dark).await, json!(true));
    browser.run("document.getElementById('theme').click()").await;
    browser.check(url, None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn the_demo_is_live_from_its_first_rows() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let demo = ["demo", "--limit", "20000", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"];
    let demo = Running::start(&demo);
    let url = address(&demo);
    browser.open(&format!("{url}/stream")).await;
    browser.wait("numbers move", PROGRESS_SCRIPT).await;
    browser.open(&format!("{url}/try")).await;
    // The form appears with the first model, without a manual reload.
    browser.wait("a form", "return document.getElementById('try') !== null").await;
    browser.run("document.querySelector('#try').requestSubmit()").await;
    browser.wait("an answer", "return document.querySelectorAll('#all tbody tr').length > 0").await;
    assert!(browser.text("#result").await.contains("distance"), "{}", browser.text("#result").await);
    browser.open(&url).await;
    browser.wait("the end", "return document.getElementById('state').textContent === 'complete'").await;
    browser.check(&url, None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn a_stream_of_three_partitions_is_readable_while_it_runs() {
    let Some(browser) = Browser::start().await else { return };
    let axe = axe();
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), "{ kind = \"fixed\", delay = \"40ms\" }\npartitions = 3");
    let workdir = folder.path().join("work").display().to_string();
    let run = Running::start(&["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = format!("{}/stream", address(&run));
    browser.set_viewport(VIEWPORTS[0]).await;
    browser.open(&url).await;
    let lines = "const pictures = [...document.querySelectorAll('#recent svg')]; return pictures.length === 4 && \
                 pictures.slice(2).every((one) => one.querySelectorAll('path').length === 3)";
    browser.wait("a line for each partition, of the rows and of the lag", lines).await;
    let newest = "return [...document.querySelectorAll('#recent text')].filter((one) => \
                  /^partition [012]: [0-9.,]+$/.test(one.textContent)).length === 6";
    browser.wait("the newest numbers of each partition", newest).await;
    let is_beside = "const box = (one) => document.querySelector(one).getBoundingClientRect(); \
                     const [pictures, table] = [box('#recent'), box('#windows > :first-child')]; \
                     return pictures.left >= table.right && Math.abs(pictures.top - table.top) < 40";
    assert_eq!(browser.run(is_beside).await, json!(true), "at 1440 px, the pictures are next to the windows");
    for viewport in VIEWPORTS {
        browser.set_viewport(viewport).await;
        browser.open(&url).await;
        browser.check(url.trim_end_matches("/stream"), axe.as_deref()).await;
        let size = "return document.querySelectorAll('#recent svg').length";
        assert_eq!(browser.run(size).await, json!(4), "the stream still runs, {viewport:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn five_processes_are_as_live_as_one() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), "{ kind = \"fixed\", delay = \"6ms\" }");
    let workdir = folder.path().join("work").display().to_string();
    let at = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &at]);
    broker.wait_for(&at);
    succeed(&["topic", "create", &file, "--broker", &at]);
    let arguments = ["--workdir", workdir.as_str()];
    let stage = |name: &str, more: &[&str]| Running::start(&[&[name, &file][..], &arguments, more].concat());
    let server = stage("serve", &["--listen", "127.0.0.1:0"]);
    let url = address(&server);
    browser.open(&format!("{url}/stream")).await;
    assert_eq!(browser.text("#state").await, "waiting for the first row");
    let mut consumer = stage("consume", &["--broker", &at]);
    let _trainer = stage("train", &[]);
    let _producer = stage("produce", &["--broker", &at]);
    browser.wait("numbers move", PROGRESS_SCRIPT).await;
    consumer.kill();
    let silent = "return /^last heard [0-9]+ s ago$/.test(document.querySelector('[data-step=\"sealed\"] [data-text]').textContent)";
    browser.wait("the consumer is silent", silent).await;
    let state = browser.text("#state").await;
    assert!(state.starts_with("consumer last heard ") && state.ends_with(" s ago"), "{state}");
    let _consumer = stage("consume", &["--broker", &at]);
    browser.wait("all is learned", "return document.getElementById('state').textContent === 'complete'").await;
    browser.open(&url).await;
    browser.wait("the advice of the trainer", "return document.querySelectorAll('.pictures svg').length === 3").await;
    browser.check(&url, None).await;
    drop(server);
    browser
        .wait(
            "the server is out of reach",
            "return /^server last heard/.test(document.getElementById('state').textContent)",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn a_key_that_may_read_suffices_for_every_page_and_its_events() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), "{ kind = \"none\" }");
    let workdir = folder.path().join("work").display().to_string();
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let mut serve = command(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let server = Running::spawn(serve.env("WINDROW_API_KEYS", "reader:read:a-key-that-may-read"));
    let url = address(&server);
    for page in PAGES {
        assert_eq!(http("GET", &format!("{url}{page}"), None).0, 401, "{page}");
    }
    // Sends the key as the browser's login prompt does: as the password.
    browser.open(&url.replace("http://", "http://anybody:a-key-that-may-read@")).await;
    for page in PAGES {
        browser.open(&format!("{url}{page}")).await;
        browser.check(&url, None).await;
    }
    browser.open(&format!("{url}/try")).await;
    browser.run("document.querySelector('#try').requestSubmit()").await;
    browser.wait("an answer", "return document.querySelectorAll('#all tbody tr').length > 0").await;
    assert!(browser.text("#curl code").await.contains("-H \"x-api-key: $WINDROW_API_KEY\""));
    let heard = "const done = arguments[0]; const events = new EventSource('/v1/events'); \
                 events.onmessage = (one) => { events.close(); done(JSON.parse(one.data).event); }";
    assert_eq!(browser.client.execute_async(heard, Vec::new()).await.expect("an event"), json!("progress"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn data_is_shown_as_text_and_never_as_markup() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    const HTML_INJECTION: &str = "<script>window.hacked=1</script><img src=x onerror=window.hacked=2>'\"&";
    let quoted = HTML_INJECTION.replace('"', "\"\"");
    let mut dataset = format!("\"y{quoted}\",\"{quoted}\",n\n");
    for row in 0..2000 {
        let level = if row % 2 == 0 { quoted.as_str() } else { "plain" };
        let number = if row % 100 == 7 { quoted.as_str() } else { "3" };
        writeln!(dataset, "{},\"{level}\",\"{number}\"", u8::from(row % 2 == row % 5 % 2)).expect("memory");
    }
    fs::write(folder.path().join("d.csv"), dataset).expect("a file");
    let file = folder.path().join("p.toml");
    let text = format!(
        "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\n[target]\ncolumn = {}\nequals = \"1\"\n[features]\n\
         numeric = [\"n\"]\ncategorical = [{}]\nmin_count = 5\n[window]\nrows = 100\n[quarantine]\nmax_share = 0.5\n",
        json!(format!("y{HTML_INJECTION}")),
        json!(HTML_INJECTION)
    );
    fs::write(&file, text).expect("a file");
    let (file, workdir) = (file.display().to_string(), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let server = Running::start(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = address(&server);
    let evil = "%3Cscript%3Ewindow.hacked=3%3C/script%3E";
    let asked = [format!("/models/{evil}"), format!("/windows/{evil}"), format!("/evidence?recipe={evil}")];
    browser.set_viewport(VIEWPORTS[2]).await;
    for page in PAGES.into_iter().chain(asked.iter().map(String::as_str)) {
        browser.open(&format!("{url}{page}")).await;
        assert_eq!(browser.run("return window.hacked ?? null").await, json!(null), "{page}");
        assert_eq!(browser.run("return document.querySelectorAll('script:not([src]), img').length").await, json!(0));
        let wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.run(wide).await, json!(true), "{page}");
        let complaints: Vec<String> = browser.complaints().await;
        assert!(complaints.iter().all(|one| one.contains("404")), "{page}: {complaints:?}");
    }
    browser.open(&format!("{url}/try")).await;
    browser.run("document.querySelector('#try').requestSubmit()").await;
    browser.wait("an answer", "return document.querySelectorAll('#all tbody tr').length > 0").await;
    assert!(browser.text("#result").await.contains(HTML_INJECTION), "{}", browser.text("#result").await);
    assert_eq!(browser.run("return window.hacked ?? null").await, json!(null));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver"]
async fn every_page_is_usable_with_500_models_and_500_windows() {
    let Some(browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = large::server(folder.path(), 500);
    browser.open(&format!("{url}/models?scheme=window")).await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, json!(100));
    assert_eq!(browser.text("tbody a").await, "window-500");
    browser.run("document.querySelector('.pages a').click()").await;
    browser.wait("earlier models", "return document.querySelector('tbody a')?.textContent === 'window-400'").await;
    browser.open(&format!("{url}/evidence")).await;
    // Each bin holds nine windows, and adjacent bins of one shade are one rectangle.
    let bins = browser.run("return document.querySelectorAll('figure.wide rect').length").await;
    assert!(bins.as_u64().is_some_and(|bins| (50..1900).contains(&bins)), "{bins}");
    browser.open(&format!("{url}/stream")).await;
    assert_eq!(browser.text("#state").await, "complete");
    browser.check(&url, None).await;
}
