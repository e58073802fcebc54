//! The API's binary against a real Redis, over real sockets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api;
mod contract;
mod healthcheck;
mod redis_tls;
mod settings;
mod stop;
mod store;
mod store_faults;
mod whole_system;
