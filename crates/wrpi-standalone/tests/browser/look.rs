//! The look of the page, at the width of a phone and of a desktop, in light and dark.

use std::path::Path;

use serde_json::json;
use wrpi_test::{TIMESTAMP, random_password};

use crate::browser::{Browser, browse};
use crate::system::System;

/// The tests leave the screenshots here, for inspection.
const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/screenshots");
const SIZES: [(&str, u32, u32); 2] = [("phone", 360, 760), ("desktop", 1100, 760)];
const VALUES: [&str; 18] = [
    "61.204", "48.977", "52.310", "71.845", "66.020", "83.512", "79.330", "58.104", "44.690", "50.215", "38.006",
    "29.771", "47.358", "55.940", "69.182", "62.475", "74.006", "64.078",
];
/// What moves, also among the dots of the states: nothing, whether or not the system asks for reduced motion.
const MOVING: &str = "return [...document.querySelectorAll('*')].flatMap((element) => [null, '::before', '::after']
                      .filter((pseudo) => {
                        const { animationName, transitionDuration } = getComputedStyle(element, pseudo);
                        return animationName !== 'none' || transitionDuration !== '0s';
                      }).map((pseudo) => `${element.tagName}${pseudo ?? ''}`))";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cut_off_at_any_width_in_either_color_scheme() {
    let mut system = System::start(&[]).await;
    system.write(VALUES[0]);
    std::fs::create_dir_all(SCREENSHOTS).unwrap();
    browse(async |browser| {
        browser.open(&system.page).await;
        browser.type_in(&random_password()).await;
        browser.shows("problem", "Wrong password.").await;
        looks_right(&browser, "wrong").await;
        browser.type_in(&system.api.password).await;
        for value in &VALUES[1..] {
            system.write(value);
            browser.shows("value", value).await;
        }
        looks_right(&browser, "live").await;
        system.redis.write(VALUES[0], TIMESTAMP);
        browser.shows("state", "there is no new reading").await;
        browser.shows("age", "on 2021-02-20").await;
        looks_right(&browser, "stale").await;
        system.stop_api();
        browser.shows("state", "lost").await;
        looks_right(&browser, "lost").await;
        system.redis.restart();
        system.api.restart();
        browser.shows("state", "has no reading yet").await;
        looks_right(&browser, "empty").await;
        system.api.service.kill();
    })
    .await;
    let system = System::start(&[("AUTH_GUESSES", "1"), ("AUTH_GUESS_REFILL", "10m")]).await;
    browse(async |browser| {
        browser.open(&system.page).await;
        looks_right(&browser, "start").await;
        for _ in 0..2 {
            browser.type_in(&random_password()).await;
            browser.shows("main", "rong password").await;
        }
        browser.shows("state", "Too many wrong passwords").await;
        looks_right(&browser, "throttled").await;
    })
    .await;
}

/// Takes a screenshot at each size in each color scheme, and asserts that every element is within the window.
async fn looks_right(browser: &Browser, name: &str) {
    for (device, width, height) in SIZES {
        for (scheme, motion) in [("light", "no-preference"), ("dark", "reduce")] {
            browser.look(width, height, scheme, motion).await;
            let overflow = "return [...document.querySelectorAll('body *')].filter((element) => \
                            element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.tagName)";
            assert_eq!(browser.evaluate(overflow).await, json!([]), "{name} on a {device}");
            assert_eq!(browser.evaluate(MOVING).await, json!([]), "{name} with the preference {motion}");
            let file = format!("{name}-{device}-{scheme}.png");
            browser.0.screenshot(&Path::new(SCREENSHOTS).join(file)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_names_roles_and_live_regions_for_screen_readers() {
    let system = System::start(&[]).await;
    system.write("69.420");
    browse(async |browser| {
        let named = async |role: &str, name: &str| {
            let tree = browser.command("Accessibility.getFullAXTree", json!({})).await;
            let nodes = tree["nodes"].as_array().unwrap().clone();
            let is_there = nodes.iter().any(|node| node["role"]["value"] == role && node["name"]["value"] == name);
            assert!(is_there, "no {role} {name:?}");
        };
        browser.open(&system.page).await;
        named("heading", "WRPI Random Price Index").await;
        named("textbox", "Password").await;
        named("button", "Show the index").await;
        browser.type_in(&system.api.password).await;
        browser.shows("value", "69.420").await;
        named("region", "The latest reading").await;
        named("image", "The line grows with each new reading.").await;
        named("button", "Forget the password").await;
        let regions = "return ['state', 'problem', 'value'].map((id) => document.getElementById(id)).map((element) => \
                       element.role ?? element.ariaLive)";
        assert_eq!(browser.evaluate(regions).await, json!(["status", "alert", "polite"]));
        browser.has_errors(&[]).await;
    })
    .await;
}
