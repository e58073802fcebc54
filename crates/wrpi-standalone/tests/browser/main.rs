//! The example page in a real Chromium, with the real API on another origin and a real Redis.
//!
//! Each test lists the errors that it expects in the browser's console, such as those of failed requests. Any other
//! error fails the test.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod faults;
mod handover;
mod look;
#[path = "../../src/page/router.rs"]
mod router;
mod system;
mod tabs;
mod updates;
