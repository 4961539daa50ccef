//! A headless Chromium, driven through chromedriver (Debian's packages `chromium` and `chromium-driver`).

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::{STEP_TIMEOUT, free_port};

/// A script that returns the texts that are outside their boxes, and those in pictures that are too small to read.
const TEXT_OUTSIDE: &str = "const found = [];
    for (const picture of document.querySelectorAll('svg')) {
      const box = picture.getBoundingClientRect();
      if (box.width === 0) continue;
      for (const text of picture.querySelectorAll('text')) {
        const own = text.getBoundingClientRect();
        const is_outside = own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1;
        if (is_outside) found.push(`picture: ${text.textContent}`);
        const size = parseFloat(getComputedStyle(text).fontSize) * box.width / (picture.viewBox.baseVal.width || box.width);
        if (own.width > 0 && size < 9) found.push(`${size.toFixed(1)} pixels: ${text.textContent}`);
      }
    }
    for (const element of document.body.querySelectorAll('*')) {
      if (element.closest('svg, .hidden, .skip') || element.clientWidth === 0) continue;
      const style = getComputedStyle(element);
      if (style.display === 'inline' || style.overflowX !== 'visible') continue;
      if (element.scrollWidth > element.clientWidth + 1) found.push(`${element.tagName}.${element.className}: ${element.textContent.slice(0, 60)}`);
    }
    return found.slice(0, 5)";

/// A browser with one window. A drop closes it.
#[derive(Debug)]
pub struct Browser {
    /// The session, for commands that the methods here do not offer.
    pub client: Client,
    driver: Child,
    /// The session's address, at which the drop ends the browser.
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Killing chromedriver would leave its browser running.
        let agent =
            ureq::Agent::new_with_config(ureq::config::Config::builder().timeout_global(Some(STEP_TIMEOUT)).build());
        let _ = agent.delete(&self.session).call();
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

/// A command that only Chromium has, at a path below the session's address.
#[derive(Debug)]
struct ChromiumCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromiumCommand {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// The window in which a page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    /// The width in CSS pixels. Below 600, the window counts as a telephone.
    pub width: u32,
    /// The height in CSS pixels.
    pub height: u32,
    /// True if the system prefers dark colours.
    pub is_dark: bool,
}

/// Windows of a telephone, a tablet and two screens, light and dark.
pub const VIEWPORTS: [Viewport; 8] = [
    Viewport { width: 1440, height: 900, is_dark: false },
    Viewport { width: 1440, height: 900, is_dark: true },
    Viewport { width: 390, height: 844, is_dark: false },
    Viewport { width: 390, height: 844, is_dark: true },
    Viewport { width: 768, height: 1024, is_dark: false },
    Viewport { width: 768, height: 1024, is_dark: true },
    Viewport { width: 1920, height: 1080, is_dark: false },
    Viewport { width: 1920, height: 1080, is_dark: true },
];

impl Browser {
    /// Starts a browser. Prints a message and returns `None` if chromedriver is not installed.
    ///
    /// # Panics
    /// `WINDROW_TEST_BROWSER` is `required` and chromedriver is not installed, or the browser does not start.
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    pub async fn start() -> Option<Self> {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = driver else {
            let is_required = std::env::var_os("WINDROW_TEST_BROWSER").is_some_and(|wanted| wanted == "required");
            assert!(!is_required, "WINDROW_TEST_BROWSER=required, but chromedriver cannot be started");
            println!("skipped: chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let deadline = Instant::now() + STEP_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,900",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
        ]});
        let logging = json!({ "browser": "ALL" });
        let capabilities = [("goog:chromeOptions".to_owned(), options), ("goog:loggingPrefs".to_owned(), logging)]
            .into_iter()
            .collect();
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session");
        let id = client.session_id().await.expect("a session that is open").unwrap_or_default();
        let session = format!("http://127.0.0.1:{port}/session/{id}");
        Some(Self { client, driver, session })
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(ChromiumCommand { path, body }).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// Changes the size and the colours of the window.
    pub async fn set_viewport(&self, viewport: Viewport) {
        let metrics = json!({
            "width": viewport.width, "height": viewport.height, "deviceScaleFactor": 1, "mobile": viewport.width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if viewport.is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows pages as they are printed from a window in dark colours.
    pub async fn emulate_print(&self) {
        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print", "features": dark })).await;
    }

    /// Opens an address.
    ///
    /// # Panics
    /// The page does not load.
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Moves the mouse to the middle of the first element that a selector finds.
    pub async fn hover(&self, selector: &str) {
        let [x, y] = self.middle(selector).await;
        self.devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y })).await;
    }

    /// Taps with a finger on the middle of the first element that a selector finds.
    pub async fn tap(&self, selector: &str) {
        let [x, y] = self.middle(selector).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
        let down = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
        self.devtools("Input.dispatchTouchEvent", down).await;
        self.devtools("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] })).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": false })).await;
    }

    /// Presses a key and releases it. `code` is the key's Windows virtual-key code.
    pub async fn press(&self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.devtools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Scrolls an element into view, and returns the coordinates of its middle in the window.
    async fn middle(&self, selector: &str) -> [f64; 2] {
        let script = format!(
            "const one = document.querySelector({}); one.scrollIntoView({{ block: 'center' }}); \
             const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]",
            json!(selector)
        );
        serde_json::from_value(self.run(&script).await).expect("two numbers")
    }

    /// Runs a script and returns its result.
    ///
    /// # Panics
    /// The script fails.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Returns the text of the first element that a selector finds; empty if there is no such element.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.textContent ?? ''", json!(selector));
        self.run(&script).await.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Waits until a script returns true.
    ///
    /// # Panics
    /// The script does not return true within [`STEP_TIMEOUT`].
    pub async fn wait(&self, what: &str, script: &str) {
        let deadline = Instant::now() + STEP_TIMEOUT;
        while self.run(script).await != json!(true) {
            if Instant::now() > deadline {
                panic!("never: {what}; the page says {}", self.text("body").await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the entries of the browser's log since the last call.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.own("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Checks that no text is outside its box: the texts of a picture are within it, and no element that does not scroll
    /// or cut its content is narrower than that. `what` is named in a failure.
    ///
    /// # Panics
    /// A text is outside its box, or the page is wider than its window.
    pub async fn check_text(&self, what: &str) {
        let outside = self.run(TEXT_OUTSIDE).await;
        assert_eq!(outside, json!([]), "{what}: text outside its box, or too small");
        let wide = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(wide, json!(0), "{what} is wider than its window");
    }

    /// Checks the rules for every page. The browser's log is empty, no other host is contacted, and nothing is stored
    /// in the browser. The page is not wider than its window. No rule of axe-core is broken, if that is installed.
    ///
    /// # Panics
    /// One of these does not hold.
    pub async fn check(&self, server: &str, axe: Option<&str>) {
        let address = self.client.current_url().await.expect("an address");
        assert_eq!(self.complaints().await, Vec::<String>::new(), "{address}");
        let fetched = self.run("return performance.getEntriesByType('resource').map((one) => one.name)").await;
        for name in fetched.as_array().expect("a list") {
            let name = name.as_str().expect("an address");
            assert!(name.starts_with(server) || name.starts_with("data:"), "{address} fetches {name}");
        }
        let wide = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(wide, json!(0), "{address} is wider than its window");
        self.check_text(address.as_str()).await;
        let kept =
            self.run("return [document.cookie, Object.keys(localStorage).filter((key) => key !== 'theme')]").await;
        assert_eq!(kept, json!(["", []]), "{address}");
        let inline = "return [...document.querySelectorAll('[style], style, script:not([src])')].length";
        assert_eq!(self.run(inline).await, json!(0), "{address} has style or script of its own");
        let Some(axe) = axe else { return };
        self.run(axe).await;
        let script = "const done = arguments[0]; axe.run().then((found) => done(found.violations.map((one) => \
                      `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' ')}`)))";
        let violations = self.client.execute_async(script, Vec::new()).await.expect("axe runs");
        assert_eq!(violations, json!([]), "{address}");
    }

    /// Writes a picture of the window to a file.
    ///
    /// # Panics
    /// The file cannot be written.
    pub async fn picture(&self, path: &Path) {
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::write(path, picture).expect("room on the disk");
    }
}

/// Returns the source of axe-core, from the packages of the Python that `WINDROW_TEST_PYTHON` names.
///
/// # Panics
/// The package is missing.
pub fn axe() -> Option<String> {
    let python = crate::python()?;
    let script = "import axe_core_python, pathlib; \
                  print((pathlib.Path(axe_core_python.__file__).parent / 'axe.min.js').read_text())";
    let output = Command::new(python).args(["-c", script]).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
