//! Several tabs of the page share one stream.

use serde_json::json;
use thirtyfour::WindowHandle;
use wrpi_test::random_password;

use crate::browser::{Browser, INSECURE, browse};
use crate::system::System;

pub(crate) const STREAMS: &str = "wrpi_streams_active";
/// What the browser writes to the console while the API restarts.
const RESTARTS: [&str; 3] = ["net::ERR_CONNECTION_REFUSED", "a status of 503", "net::ERR_INCOMPLETE_CHUNKED_ENCODING"];

impl Browser {
    /// Opens the page in a new tab, and signs in.
    pub(crate) async fn sign_in(&self, page: &str, password: &str) -> WindowHandle {
        let tab = self.open_tab(page).await;
        self.type_in(password).await;
        self.shows("state", "Live").await;
        tab
    }

    /// Writes a value, and waits until all `tabs` show it and that they are live.
    pub(crate) async fn all_show(&self, tabs: &[WindowHandle], system: &System, value: &str) {
        system.write(value);
        for tab in tabs {
            self.switch_to(tab).await;
            self.shows("value", value).await;
            self.shows("state", "Live").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_tabs_share_a_stream_while_tabs_close_and_the_api_restarts() {
    let mut system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        let mut tabs = Vec::new();
        for _ in 0..10 {
            tabs.push(browser.sign_in(&system.page, &system.api.password).await);
        }
        browser.all_show(&tabs, &system, "1.000").await;
        system.counts(STREAMS, "1");

        browser.switch_to(&tabs.remove(0)).await;
        browser.0.close_window().await.unwrap();
        browser.all_show(&tabs, &system, "2.000").await;
        system.counts(STREAMS, "1");

        system.stop_api();
        browser.shows("state", "lost").await;
        system.api.restart();
        browser.all_show(&tabs, &system, "3.000").await;
        system.counts(STREAMS, "1");
        browser.has_errors_and_perhaps(&[], &RESTARTS).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_is_frozen_or_silent_hands_the_stream_to_another() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        let frozen = browser.sign_in(&system.page, &system.api.password).await;
        let silent = browser.sign_in(&system.page, &system.api.password).await;
        let last = browser.sign_in(&system.page, &system.api.password).await;
        browser.switch_to(&frozen).await;
        browser.command("Page.setWebLifecycleState", json!({"state": "frozen"})).await;
        browser.all_show(&[silent.clone(), last.clone()], &system, "1.000").await;
        system.counts(STREAMS, "1");

        // To the other tabs, this is like a tab that the browser suspends without an event. It keeps its lock and its stream.
        browser.switch_to(&silent).await;
        browser.evaluate("BroadcastChannel.prototype.postMessage = () => {}").await;
        browser.all_show(std::slice::from_ref(&last), &system, "2.000").await;
        system.counts(STREAMS, "1");

        browser.switch_to(&frozen).await;
        browser.command("Page.setWebLifecycleState", json!({"state": "active"})).await;
        browser.all_show(&[frozen, silent, last], &system, "3.000").await;
        system.counts(STREAMS, "1");
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_with_different_passwords_do_not_share_and_publish_no_password() {
    let old = random_password();
    let system = System::start(&[("APP_PASSWORD_PREVIOUS", &old)]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        let spy = "window.heard = []; navigator.locks.query().then(({ held }) => held.forEach(({ name }) => {
                   const channel = new BroadcastChannel(name);
                   channel.onmessage = ({ data }) => window.heard.push(name + JSON.stringify(data)); }))";
        let first = browser.0.window().await.unwrap();
        browser.sign_in(&system.page, &system.api.password).await;
        browser.sign_in(&system.page, &old).await;
        system.counts(STREAMS, "2");
        browser.switch_to(&first).await;
        browser.evaluate(spy).await;
        browser.sign_in(&system.page, &system.api.password).await;
        browser.sign_in(&system.page, &old).await;
        system.counts(STREAMS, "2");
        browser.switch_to(&first).await;
        let heard = browser.evaluate("return window.heard.join()").await.as_str().unwrap().to_owned();
        let base64 = system.api.credentials().replace("Basic ", "");
        assert!(heard.contains("69.420"), "{heard}");
        assert!(![&system.api.password, &old, &base64].iter().any(|secret| heard.contains(secret.as_str())));

        let wrong = browser.open_tab(&system.page).await;
        browser.type_in(&random_password()).await;
        browser.shows("problem", "Wrong password.").await;
        browser.switch_to(&wrong).await;
        browser.has_errors(&["a status of 401"]).await;
    })
    .await;
}

/// Safari before 15.4 has neither locks nor channels, and before 17.4 no `AbortSignal.any`. Over plain HTTP, no browser has
/// locks. A page that may not store can have both, but not use them.
#[tokio::test(flavor = "multi_thread")]
async fn in_browsers_without_locks_each_tab_has_its_own_stream() {
    let old = "delete Navigator.prototype.locks; delete window.BroadcastChannel; delete AbortSignal.any;
               delete Array.prototype.findLast; delete window.TextDecoderStream; delete AbortSignal.timeout";
    let no_channel =
        "window.BroadcastChannel = class { constructor() { throw new DOMException('', 'SecurityError') } }";
    let no_lock = "LockManager.prototype.request = () => Promise.reject(new DOMException('', 'SecurityError'))";
    let system = System::start(&[("CORS_ALLOWED_ORIGINS", "*")]).await;
    system.write("69.420");
    let insecure = system.page.replace("127.0.0.1", INSECURE);
    browse(async |browser| {
        let mut tabs = Vec::new();
        for (page, script) in [
            (&system.page, old),
            (&system.page, old),
            (&system.page, no_channel),
            (&system.page, no_lock),
            (&insecure, ""),
            (&insecure, ""),
        ] {
            let tab = browser.open_tab("about:blank").await;
            browser.command("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
            browser.open(page).await;
            browser.type_in(&system.api.password).await;
            browser.shows("state", "Live").await;
            tabs.push(tab);
        }
        assert_eq!(browser.evaluate("return isSecureContext").await, json!(false));
        browser.all_show(&tabs, &system, "1.000").await;
        system.counts(STREAMS, "6");
        browser.has_errors(&[]).await;
    })
    .await;
}
