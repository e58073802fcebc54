//! The shared stream changes its tab: no tab misses the latest reading, sees one twice, or stays behind.

use serde_json::json;
use thirtyfour::WindowHandle;

use crate::browser::{Browser, browse};
use crate::system::System;
use crate::tabs::STREAMS;

impl Browser {
    /// From now on, the tab keeps what it shows.
    async fn record(&self, tab: &WindowHandle) {
        self.switch_to(tab).await;
        let record = "window.seen = []; const value = document.getElementById('value');
                      new MutationObserver(() => window.seen.push(value.textContent)).observe(value, {childList: true})";
        self.evaluate(record).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_crashes_hands_the_stream_to_another() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        let crashing = browser.sign_in(&system.page, &system.api.password).await;
        let other = browser.sign_in(&system.page, &system.api.password).await;
        browser.switch_to(&crashing).await;
        let crashed = browser.0.cdp().send_raw("Page.crash", json!({})).await;
        assert!(format!("{crashed:?}").contains("tab crashed"), "{crashed:?}");
        browser.all_show(std::slice::from_ref(&other), &system, "1.000").await;
        system.counts(STREAMS, "1");
        browser.has_errors(&[]).await;
    })
    .await;
}

/// The browser keeps the page in its back/forward cache, which it does only if the page holds no lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_goes_elsewhere_and_back_is_live_again() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        let tabs = [
            browser.sign_in(&system.page, &system.api.password).await,
            browser.sign_in(&system.page, &system.api.password).await,
        ];
        browser.switch_to(&tabs[0]).await;
        browser.evaluate("addEventListener('pageshow', (event) => { window.isPersisted = event.persisted })").await;
        browser.open(&format!("{}/?elsewhere", system.page)).await;
        browser.all_show(&tabs[1..], &system, "1.000").await;
        system.counts(STREAMS, "1");
        browser.switch_to(&tabs[0]).await;
        browser.0.back().await.unwrap();
        assert_eq!(browser.evaluate("return window.isPersisted").await, json!(true));
        browser.all_show(&tabs, &system, "2.000").await;

        // Frozen and thawed before the lock is released.
        for tab in &tabs {
            browser.switch_to(tab).await;
            let thaw = "for (const name of ['freeze', 'resume']) document.dispatchEvent(new Event(name))";
            browser.evaluate(thaw).await;
        }
        browser.all_show(&tabs, &system, "3.000").await;
        system.counts(STREAMS, "1");
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tab_misses_or_repeats_a_reading_while_tabs_open_and_close() {
    let system = System::start(&[]).await;
    system.write("1.000");
    browse(async |browser| {
        let opener = browser.sign_in(&system.page, &system.api.password).await;
        let open = format!(
            "for (let n = 0; n < 20; n += 1) {{
               const tab = open(location);
               const timer = setInterval(() => {{
                 if (tab.location.href !== location.href || tab.document.readyState !== 'complete') return;
                 clearInterval(timer);
                 tab.document.getElementById('password').value = '{}';
                 tab.document.getElementById('sign-in').requestSubmit();
               }}, 10);
             }}",
            system.api.password
        );
        let before = browser.0.windows().await.unwrap();
        browser.evaluate(&open).await;
        let mut tabs = vec![opener];
        tabs.extend(browser.0.windows().await.unwrap().into_iter().filter(|tab| !before.contains(tab)));
        assert_eq!(tabs.len(), 21);
        browser.all_show(&tabs, &system, "2.000").await;
        system.counts(STREAMS, "1");

        // Other scripts of the origin, and other versions of the module, can send anything.
        let rubbish = "return navigator.locks.query().then(({ held }) => held.forEach(({ name }) => {
                       const channel = new BroadcastChannel(name);
                       for (const data of [null, 1, 'x', {}, { known: null }, { known: { term: NaN } }, [[]]]) {
                         channel.postMessage(data);
                       }}))";
        browser.evaluate(rubbish).await;

        tabs.truncate(7);
        for tab in &tabs {
            browser.record(tab).await;
        }
        let mut written = Vec::new();
        while tabs.len() > 1 {
            let value = format!("{}.000", 10 + tabs.len());
            browser.switch_to(&tabs.remove(0)).await;
            system.write(&value);
            browser.0.close_window().await.unwrap();
            browser.all_show(&tabs, &system, &format!("{}.500", 10 + tabs.len())).await;
            written.extend([value, format!("{}.500", 10 + tabs.len())]);
            for tab in &tabs {
                browser.switch_to(tab).await;
                let seen: Vec<String> = serde_json::from_value(browser.evaluate("return window.seen").await).unwrap();
                // The first of two readings may be missing, but none comes twice or late.
                let mut rest = written.iter();
                assert!(seen.iter().all(|value| rest.any(|other| other == value)), "{seen:?} of {written:?}");
            }
            system.counts(STREAMS, "1");
        }
        browser.has_errors(&[]).await;
    })
    .await;
}
