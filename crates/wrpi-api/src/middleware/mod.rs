//! What concerns every answer, whatever the route: a file for each concern.

pub(crate) mod cors;
pub(crate) mod https;
pub(crate) mod request_id;
pub(crate) mod security;
pub(crate) mod strict_http;
pub(crate) mod track;
