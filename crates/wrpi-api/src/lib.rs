//! Serves the latest reading over HTTP: a public listener for the index, an admin listener for probes and metrics.
//!
//! Nothing here knows who calculates or feeds the readings: they come through a [`tokio::sync::watch`] channel.

mod admin;
mod auth;
mod conditional;
mod error;
pub mod healthcheck;
mod router;
mod serve;
mod settings;
mod snapshot;

pub use auth::Password;
pub use router::{Api, router};
pub use serve::{Listeners, serve};
pub use settings::{HttpSettings, Settings, help};
