//! Serves the latest reading over HTTP: public listeners for the index, an admin listener for probes and metrics.
//!
//! Nothing here knows who calculates or feeds the readings: they come through a [`tokio::sync::watch`] channel.

mod admin;
mod api;
mod auth;
mod client;
mod conditional;
mod cors;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guesses;
pub mod healthcheck;
mod metrics;
mod openapi;
mod request_id;
mod router;
mod serve;
mod service;
mod settings;
mod snapshot;
mod stream;
mod strict;

pub use api::Api;
pub use auth::{Password, Passwords};
pub use client::ClientIpSource;
pub use cors::AllowedOrigins;
pub use guesses::ThrottleLimit;
pub use serve::{Certificates, Listeners, serve};
pub use settings::{AccessSettings, HttpSettings, Settings, TlsSettings};
