//! What several tests need, and what would hide the point of one.

pub(crate) mod binary;
pub(crate) mod cost;
pub(crate) mod feed;
pub(crate) mod flood;
pub(crate) mod frames;
pub(crate) mod guess;
pub(crate) mod http2_client;
pub(crate) mod https;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod secret;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod unread;
