//! What the WRPI services share: the [`Reading`] and its wire forms, the Redis store, the feed that follows the store,
//! and settings from environment variables.
//!
//! Nothing here depends on HTTP.

pub mod certificates;
pub mod cli;
pub mod feed;
mod reading;
pub mod runtime;
pub mod settings;
pub mod shutdown;
pub mod store;
mod tasks;
pub mod telemetry;
mod timestamp;
mod value;

pub use reading::{Reading, ReadingError};
pub use tasks::{TaskEnded, Tasks};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use value::{ParseWrpiError, Wrpi};
