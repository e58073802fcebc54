//! The updater's binary against a real Redis.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod healthcheck;
mod interval;
mod once;
mod redis_tls;
mod settings;

/// The binary.
const UPDATER: &str = env!("CARGO_BIN_EXE_updater");
