//! A headless Chromium with a fresh profile, which ends with the test.

use std::future::Future;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel, WindowHandle};
use wrpi_test::{PATIENCE, Service};

/// A name of this host that is no secure context, unlike `127.0.0.1`.
pub(crate) const INSECURE: &str = "insecure.test";
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    // Chromium ends when chromedriver does, even if that is killed.
    "--remote-debugging-pipe",
];

/// The browser and its current tab.
pub(crate) struct Browser(pub(crate) WebDriver);

/// Runs `test` with a browser.
pub(crate) async fn browse<F: Future<Output = ()>>(test: impl FnOnce(Browser) -> F) {
    let home = TempDir::new().unwrap();
    let profile = format!("--user-data-dir={}", home.path().join("profile").display());
    // HOME stays, because a snap does not start with another. What is not in the profile goes to these directories.
    let directory = || home.path().display().to_string();
    let environment = [("XDG_CACHE_HOME", directory()), ("XDG_CONFIG_HOME", directory())]
        .into_iter()
        .chain(["HOME", "PATH"].map(|name| (name, std::env::var(name).unwrap())));
    let mut command = Command::new(if on_path("chromedriver") { "chromedriver" } else { "chromium.chromedriver" });
    command.arg("--port=0");
    let mut chromedriver = Service::start(command, environment);
    let port = chromedriver.printed(|line| Some(line.split_once("successfully on port ")?.1.replace('.', "")));
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in ARGUMENTS.into_iter().chain([profile.as_str()]) {
        capabilities.add_arg(argument).unwrap();
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
    let run = driver.run_and_quit(async |driver| {
        test(Browser(driver)).await;
        Ok::<(), WebDriverError>(())
    });
    run.await.unwrap();
}

/// Whether a directory of `PATH` has the program `name`.
fn on_path(name: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|directory| directory.join(name).exists())
}

impl Browser {
    /// Opens `url`.
    pub(crate) async fn open(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    /// Opens `url` in a new tab, and switches to it.
    pub(crate) async fn open_tab(&self, url: &str) -> WindowHandle {
        let tab = self.0.new_tab().await.unwrap();
        self.switch_to(&tab).await;
        self.open(url).await;
        tab
    }

    /// Switches to a tab.
    pub(crate) async fn switch_to(&self, tab: &WindowHandle) {
        self.0.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Types `text` and Enter into the focused element.
    pub(crate) async fn type_in(&self, text: &str) {
        let focus = self.0.active_element().await.unwrap();
        focus.send_keys(text.to_owned() + Key::Enter).await.unwrap();
    }

    /// The element with this ID.
    pub(crate) async fn element(&self, id: &str) -> WebElement {
        self.0.find(By::Id(id)).await.unwrap()
    }

    /// Waits until the text of the element `id` contains `wanted`, and returns the text.
    pub(crate) async fn shows(&self, id: &str, wanted: &str) -> String {
        let element = self.element(id).await;
        let end = Instant::now() + PATIENCE;
        loop {
            let text = element.text().await.unwrap();
            if text.contains(wanted) {
                return text;
            }
            assert!(Instant::now() < end, "{id} shows {text:?} and not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the function body `script` returns.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Runs a command of the Chrome DevTools Protocol.
    pub(crate) async fn command(&self, method: &str, parameters: Value) -> Value {
        self.0.cdp().send_raw(method, parameters).await.unwrap()
    }

    /// Sets the size of the window, and the color scheme and the motion that the system prefers.
    pub(crate) async fn look(&self, width: u32, height: u32, scheme: &str, motion: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({"name": "prefers-color-scheme", "value": scheme});
        let motion = json!({"name": "prefers-reduced-motion", "value": motion});
        self.command("Emulation.setEmulatedMedia", json!({"features": [scheme, motion]})).await;
    }

    /// Asserts that the console contains all `expected` errors and no others, and clears it.
    pub(crate) async fn has_errors(&self, expected: &[&str]) {
        self.has_errors_and_perhaps(expected, &[]).await;
    }

    /// Like [`Browser::has_errors`], but `possible` errors may occur too.
    pub(crate) async fn has_errors_and_perhaps(&self, expected: &[&str], possible: &[&str]) {
        let entries = self.0.browser_log().await.unwrap();
        let errors: Vec<_> = entries.into_iter().filter(|entry| entry.level == "SEVERE").collect();
        for error in &errors {
            let is_known = expected.iter().chain(possible).any(|text| error.message.contains(text));
            assert!(is_known, "unexpected: {error:?}");
        }
        for text in expected {
            assert!(errors.iter().any(|error| error.message.contains(text)), "no {text:?} in {errors:?}");
        }
    }
}
