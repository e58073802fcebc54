//! Signing in, and updates of the page.

use serde_json::json;
use wrpi_test::random_password;

use crate::browser::browse;
use crate::system::System;

const PREFLIGHTS: &str = r#"http_requests_total{method="OPTIONS",route="/v0/wrpi/stream",status="204"}"#;
const STREAMS: &str = r#"http_requests_total{method="GET",route="/v0/wrpi/stream",status="200"}"#;
const REFUSED: &str = "the server responded with a status of 401";

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_suffices_to_sign_in_and_out() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("value", "69.420").await;
        browser.shows("state", "Live").await;
        browser.shows("age", "Calculated ").await;
        system.counts(PREFLIGHTS, "1");
        system.counts(STREAMS, "1");
        system.counts("wrpi_streams_active", "1");
        // Tab moves to the only button, Enter presses it.
        browser.0.active_element().await.unwrap().send_keys("\u{e004}").await.unwrap();
        browser.type_in("").await;
        system.counts("wrpi_streams_active", "0");
        browser.shows("sign-in", "Enter the password").await;
        browser.type_in(&system.api.password).await;
        browser.shows("value", "69.420").await;
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_shows_a_message_and_no_dialog() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&random_password()).await;
        browser.shows("problem", "Wrong password.").await;
        // A dialog of the browser's would hold the request back, and the message with it.
        assert!(browser.0.get_alert_text().await.is_err());
        assert_eq!(browser.element("value").await.text().await.unwrap(), "");
        browser.has_errors(&[REFUSED]).await;
        browser.type_in(&system.api.password).await;
        browser.shows("value", "69.420").await;
        assert_eq!(browser.element("problem").await.text().await.unwrap(), "");
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_no_api_has_is_refused_without_a_request() {
    let system = System::start(&[]).await;
    browse(async |browser| {
        browser.open(&system.page).await;
        for length in [4_097, 20_000, 200_000] {
            let paste =
                format!("const field = document.getElementById('password'); field.value = 'a'.repeat({length})");
            browser.evaluate(&paste).await;
            browser.type_in("").await;
            browser.shows("problem", "at most 4,096 bytes").await;
        }
        browser.has_errors(&[]).await;
    })
    .await;
    system.counts(PREFLIGHTS, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_each_write_at_once() {
    let system = System::start(&[("REDIS_HEARTBEAT", "60m")]).await;
    system.write("50.000");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("value", "50.000").await;
        for n in 1..=10 {
            let value = format!("{n}0.010").replace("100.010", "99.100");
            system.write(&value);
            browser.shows("value", &value).await;
        }
        browser.shows("caption", "The last 11 readings: lowest 10.01, highest 99.1.").await;
        assert_eq!(browser.0.title().await.unwrap(), "99.100 · WRPI");
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_stores_no_password_and_contacts_no_other_host() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", "Live").await;
        let kept = "return [localStorage.length, sessionStorage.length, document.cookie, \
                    (await indexedDB.databases()).length, document.querySelector('#password').value, location.search]";
        assert_eq!(browser.evaluate(kept).await, json!([0, 0, "", 0, "", ""]));
        let asked = "return performance.getEntriesByType('resource').map((entry) => new URL(entry.name).hostname)";
        let asked = browser.evaluate(asked).await;
        assert!(asked.as_array().unwrap().iter().all(|host| host == "127.0.0.1"), "{asked}");
        let elsewhere = "return fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'kept from asking')";
        assert_eq!(browser.evaluate(elsewhere).await, "kept from asking");
        browser.has_errors(&["Connecting to 'http://127.0.0.1:9/' violates", "cannot load http://127.0.0.1:9/"]).await;
    })
    .await;
}

/// Fetch wrappers and tracing agents add such headers to every request.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_send_any_headers_that_its_libraries_add() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        let added = ["Content-Type", "X-Requested-With", "traceparent", "sentry-trace", "Pragma", "X-Anything"];
        let headers: serde_json::Map<_, _> =
            added.iter().map(|name| ((*name).to_owned(), json!("text/plain; a"))).collect();
        let ask = format!(
            "const headers = {{ ...{}, Authorization: `Basic ${{btoa('any:{}')}}` }};
             return fetch('http://{}/v0/wrpi', {{ headers }}).then((answer) => answer.status, String)",
            json!(headers),
            system.api.password,
            system.api.address,
        );
        assert_eq!(browser.evaluate(&ask).await, json!(200));
        browser.has_errors(&[]).await;
    })
    .await;
}
