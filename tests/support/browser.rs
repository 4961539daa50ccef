//! A headless Chromium, driven through chromedriver (Debian's packages `chromium` and `chromium-driver`).

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use poem::http::Method;
use serde_json::{Value, json};

use crate::windrow::{LIMIT, free_port};

/// A browser with one window; gone with this value.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends its browsers when it is told to end.
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

/// A command of Chromium's own, behind the session's address.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
}

impl Browser {
    /// `None`, saying so, where chromedriver is not installed.
    ///
    /// # Panics
    /// `WINDROW_TEST_BROWSER` is `required` and there is none, or it does not start.
    #[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) async fn start() -> Option<Self> {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = driver else {
            let is_required = std::env::var("WINDROW_TEST_BROWSER").is_ok_and(|wanted| wanted == "required");
            assert!(!is_required, "WINDROW_TEST_BROWSER asks for a browser, and chromedriver cannot be started");
            println!("skipped: chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let deadline = Instant::now() + LIMIT;
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
        Some(Self { client, driver })
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Own { path, body }).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// Shows pages in a window of this size, light or dark.
    pub(crate) async fn look(&self, look: Look) {
        let metrics = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if look.is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows pages as a printer would have them, from a window in dark colours.
    pub(crate) async fn look_at_paper(&self) {
        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print", "features": dark })).await;
    }

    pub(crate) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text of the first element that a selector finds.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.textContent ?? ''", json!(selector));
        self.run(&script).await.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Waits until a script returns true.
    pub(crate) async fn wait(&self, what: &str, script: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.run(script).await != json!(true) {
            if Instant::now() > deadline {
                panic!("never: {what}; the page says {}", self.text("body").await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the browser complained of since the last time.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.own("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Makes sure that the page is as every page must be: nothing complained of, nothing of another host, no wider than
    /// the window, nothing in the browser's stores, and no rule of axe-core broken where that is installed.
    pub(crate) async fn check(&self, server: &str, axe: Option<&str>) {
        let address = self.client.current_url().await.expect("an address");
        assert_eq!(self.complaints().await, Vec::<String>::new(), "{address}");
        let fetched = self.run("return performance.getEntriesByType('resource').map((one) => one.name)").await;
        for name in fetched.as_array().expect("a list") {
            let name = name.as_str().expect("an address");
            assert!(name.starts_with(server) || name.starts_with("data:"), "{address} fetches {name}");
        }
        let wide = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(wide, json!(0), "{address} is wider than its window");
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

    /// A picture of what the window shows.
    pub(crate) async fn picture(&self, path: &Path) {
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::write(path, picture).expect("room on the disk");
    }
}

/// The text of axe-core, which the Python of `WINDROW_TEST_PYTHON` has.
pub(crate) fn axe() -> Option<String> {
    let python = crate::windrow::python()?;
    let script = "import axe_core_python, pathlib; \
                  print((pathlib.Path(axe_core_python.__file__).parent / 'axe.min.js').read_text())";
    let output = Command::new(python).args(["-c", script]).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
