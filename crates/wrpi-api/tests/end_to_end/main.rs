//! The API's binary against a real Redis, over real sockets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

mod certificates;
mod command_line;
mod contract;
mod deadlines;
mod descriptors;
mod documentation;
mod floods;
mod guesses;
mod half_close;
mod healthcheck;
mod hostile;
mod http2;
mod http2_abuse;
mod http_conformance;
mod https;
mod limits;
mod log_floods;
mod logs;
mod metrics;
mod passwords;
mod reconnect;
mod redis_cluster;
mod redis_kinds;
mod redis_login;
mod redis_tls;
mod settings;
mod stop;
mod store;
mod store_faults;
mod stream;
mod tasks;
mod unread_log;
mod vanish;
mod whole_system;
