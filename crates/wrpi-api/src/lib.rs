//! Serves the latest reading over HTTP: public listeners for the index, an admin listener for probes and metrics.
//!
//! Readings arrive through a [`tokio::sync::watch`] channel. Nothing here depends on their source.
//!
//! Modules import downwards only: `server`, `routes`, `state`, `settings`, then `auth` and `middleware`, then the rest.

mod auth;
mod certificates;
mod connection;
mod document;
mod error;
pub mod healthcheck;
mod metrics;
mod middleware;
mod routes;
mod server;
mod settings;
mod snapshot;
mod state;
mod streams;

pub use auth::{ClientIpSource, Password, Passwords, ThrottleLimit};
pub use certificates::Certificates;
pub use document::Document;
pub use middleware::cors::AllowedOrigins;
pub use server::{Listeners, listen, serve};
pub use settings::{AccessSettings, HttpSettings, Settings, TlsSettings};
pub use state::AppState;
