//! A report as PDF: a browser prints the HTML.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::app::error::AppError;

/// The names of the browsers that can print without a window: Chromium, and those that are made from it.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// The maximum time for printing.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The interval at which a browser is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// A folder for the HTML and for the profile of the browser. A drop removes it.
struct WorkFolder(PathBuf);

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // A hidden folder of a few files is left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Prints a report to `out`. `write` writes the HTML to the path that it is given. Returns false if no browser is
/// installed.
pub(super) fn print(write: impl FnOnce(&Path) -> Result<(), AppError>, out: &Path) -> Result<bool, AppError> {
    let failed = |source: io::Error| AppError::PrintFile { path: out.to_owned(), source };
    let out = std::path::absolute(out).map_err(failed)?;
    let failed = |source: io::Error| AppError::PrintFile { path: out.clone(), source };
    let Some(browser) = BROWSERS.into_iter().find(|browser| is_installed(browser)) else { return Ok(false) };
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = WorkFolder(out.with_file_name(format!(".{name}.{}", std::process::id())));
    fs::create_dir_all(&folder.0).map_err(failed)?;
    let (html, pdf) = (folder.0.join("report.html"), folder.0.join("report.pdf"));
    write(&html)?;
    // The sandbox of Chromium needs rights that a container or the user root may not have. The page has no scripts and
    // loads nothing.
    for sandbox in [None, Some("--no-sandbox")] {
        let mut command = Command::new(browser);
        command
            .args([
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--no-pdf-header-footer",
                "--disable-dev-shm-usage",
            ])
            .args(sandbox)
            .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
            .arg(format!("--print-to-pdf={}", pdf.display()))
            .arg(&html)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let is_done = wait(command.spawn().map_err(failed)?).map_err(failed)?;
        if is_done && pdf.is_file() {
            fs::rename(&pdf, &out).map_err(failed)?;
            return Ok(true);
        }
    }
    Err(AppError::Print { browser, path: out })
}

/// Returns true if a program of this name can be started.
fn is_installed(browser: &str) -> bool {
    let found = Command::new(browser).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    !found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied))
}

/// Waits until a browser has ended, and ends it after the time limit. Returns true if it ended by itself, without an
/// error.
fn wait(mut browser: Child) -> io::Result<bool> {
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        if let Some(status) = browser.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() > deadline {
            browser.kill()?;
            browser.wait()?;
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}
