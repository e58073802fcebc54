//! The updater's binary against a real Redis.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

mod healthcheck;
mod interval;
mod once;
mod redis_kinds;
mod redis_login;
mod redis_tls;
mod settings;
