//! Errors of the store, and what they reveal about the server.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, ServerErrorKind};

use super::resolve::Unresolved;

/// Why the store could not be used. The message contains the server's message and, for cluster mode, advice.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {address}: {cause}{}", self.advice())]
pub struct StoreError {
    pub(super) address: String,
    /// Not a `source`: the message already contains it.
    pub(super) cause: redis::RedisError,
}

/// What distinguishes the causes of a loss that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The name of the server could not be resolved.
    Name,
    Other(ErrorKind),
}

impl StoreError {
    pub(crate) fn cause(&self) -> Cause {
        if self.is_unresolved() { Cause::Name } else { Cause::Other(self.kind()) }
    }

    /// Whether the name of the server could not be resolved.
    fn is_unresolved(&self) -> bool {
        // `redis` shares its source.
        let source = self.cause.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
        let source = source.and_then(|source| source.downcast_ref::<io::Error>()?.get_ref());
        source.is_some_and(|source| source.is::<Unresolved>())
    }

    fn kind(&self) -> ErrorKind {
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
