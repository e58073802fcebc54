//! A running API.

pub(crate) use wrpi_test::{Api, BODY, TIMESTAMP, VALUE};
