//! The example page in a real Chromium, against the real API and a real Redis, each on an origin of its own.
//!
//! What the console says counts: each test names the errors that a browser must write there, such as those of a
//! request that fails, and there may be no other.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod faults;
mod look;
#[path = "../../src/page/router.rs"]
mod router;
mod system;
mod updates;
