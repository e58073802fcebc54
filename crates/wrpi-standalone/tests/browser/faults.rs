//! What the page shows when something fails, and that it recovers by itself.

use wrpi_test::{Proxy, random_password};

use crate::browser::browse;
use crate::system::System;

const LOST: &str = "The connection to the API is lost.";
/// What the browser writes to the console for each request that cannot connect.
const UNREACHABLE: &str = "net::ERR_CONNECTION_REFUSED";
/// A request may arrive before a restarted API has read the store.
const NO_READING_YET: &str = "the server responded with a status of 503";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reports_that_the_api_stopped_and_reconnects_when_it_is_back() {
    let mut system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", "Live").await;
        system.stop_api();
        browser.shows("state", LOST).await;
        browser.shows("value", "69.420").await;
        // The delay has doubled, so one attempt has failed.
        browser.shows("countdown", "Trying again in 2 s.").await;
        system.api.restart();
        browser.shows("state", "Live").await;
        system.write("1.000");
        browser.shows("value", "1.000").await;
        browser.shows("caption", "The last 2 readings").await;
        browser.has_errors_and_perhaps(&[UNREACHABLE], &[NO_READING_YET]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reports_and_survives_a_crash_of_the_api_and_an_empty_store() {
    let mut system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", "Live").await;
        system.api.service.kill();
        browser.shows("state", LOST).await;
        system.redis.restart();
        system.api.restart();
        browser.shows("state", "has no reading yet").await;
        system.write("2.000");
        browser.shows("value", "2.000").await;
        browser.shows("state", "Live").await;
        let broken_off = "net::ERR_INCOMPLETE_CHUNKED_ENCODING";
        browser.has_errors_and_perhaps(&[broken_off, NO_READING_YET], &[UNREACHABLE]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_notices_that_the_network_became_silent_and_connects_again() {
    let system = System::start(&[("CORS_ALLOWED_ORIGINS", "*")]).await;
    system.write("69.420");
    let proxy = Proxy::start(system.api.port());
    let page = system.another_page(proxy.port()).await;
    browse(async |browser| {
        browser.open(&page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", "Live").await;
        proxy.silence();
        browser.shows("state", LOST).await;
        browser.shows("state", "Live").await;
        system.write("1.000");
        browser.shows("value", "1.000").await;
        browser.has_errors(&[]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_waits_for_an_api_that_is_not_running_yet() {
    let mut system = System::start(&[]).await;
    system.write("69.420");
    system.stop_api();
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", LOST).await;
        system.api.restart();
        browser.shows("value", "69.420").await;
        browser.has_errors_and_perhaps(&[UNREACHABLE], &[NO_READING_YET]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_too_many_wrong_passwords_the_page_waits_and_then_signs_in() {
    let system = System::start(&[("AUTH_GUESSES", "1"), ("AUTH_GUESS_REFILL", "10s")]).await;
    system.write("69.420");
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&random_password()).await;
        browser.shows("problem", "Wrong password.").await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", "Too many wrong passwords").await;
        browser.shows("countdown", "Trying again in").await;
        browser.shows("value", "69.420").await;
        browser.shows("state", "Live").await;
        browser.has_errors(&["a status of 401", "a status of 429"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_a_disallowed_origin_gets_no_reading() {
    let system = System::start(&[]).await;
    system.write("69.420");
    let elsewhere = system.another_page(system.api.port()).await;
    browse(async |browser| {
        browser.open(&elsewhere).await;
        browser.type_in(&system.api.password).await;
        browser.shows("state", LOST).await;
        assert_eq!(browser.element("value").await.text().await.unwrap(), "–");
        browser.has_errors(&["has been blocked by CORS policy", "net::ERR_FAILED"]).await;
    })
    .await;
    // The browser sent only the preflight, so the password has not left it.
    let requests = |method, status| {
        format!(r#"http_requests_total{{method="{method}",route="/v0/wrpi/stream",status="{status}"}}"#)
    };
    system.counts(&requests("GET", 200), "0");
    system.counts(&requests("GET", 401), "0");
}
