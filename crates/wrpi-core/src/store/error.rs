//! Errors of the store, and what they reveal about the server.

use redis::{ErrorKind, ServerErrorKind};

/// Why the store could not be used. The message contains the server's message and, for cluster mode, advice.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {address}: {cause}{}", self.advice())]
pub struct StoreError {
    pub(super) address: String,
    /// Not a `source`: the message already contains it.
    pub(super) cause: redis::RedisError,
}

impl StoreError {
    pub(crate) fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Whether the server answered with an error: it is reachable and speaks the protocol.
    pub(crate) fn is_answer(&self) -> bool {
        use ErrorKind::{AuthenticationFailed, Extension, RESP3NotSupported, Server};
        matches!(self.kind(), Server(_) | Extension | AuthenticationFailed | RESP3NotSupported)
    }

    /// Whether the server accepted the connection and closed it instead of answering.
    pub(crate) fn has_hung_up(&self) -> bool {
        self.cause.is_connection_dropped() && !self.cause.is_connection_refusal()
    }

    /// Whether the server refuses a command permanently, or refuses both keys in one command. A temporary state, such
    /// as full memory, does not count, and neither does a key that the user must not access.
    pub(super) fn is_refused_command(&self) -> bool {
        let names_it = || {
            let words = self.cause.to_string().to_lowercase();
            words.contains("command") || words.contains("slot")
        };
        match self.kind() {
            ErrorKind::Server(ServerErrorKind::CrossSlot) => true,
            ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError) => names_it(),
            _ => false,
        }
    }

    /// Whether the key does not hold a string.
    pub(super) fn is_wrong_type(&self) -> bool {
        self.cause.code() == Some("WRONGTYPE")
    }

    /// Whether another node of the cluster has the key, or no node has it.
    pub(super) fn is_cluster_error(&self) -> bool {
        self.cause.is_cluster_error()
    }

    fn advice(&self) -> &'static str {
        if self.is_cluster_error() {
            return "; this Redis is in cluster mode: use a cluster of one shard that serves all slots, or turn \
                    cluster mode off";
        }
        if self.cause.to_string().contains("SELECT is not allowed in cluster mode") {
            return "; set REDIS_DB to 0";
        }
        ""
    }
}
