//! The Redis store: its keys, how to read them and how to write them.

mod connect;
mod error;
mod handshake;
mod login;
mod resolve;
mod settings;
mod tls;

use std::sync::Once;

use redis::aio::MultiplexedConnection;
use tracing::warn;

pub(crate) use self::error::Cause;
use self::error::Server;
pub use self::error::StoreError;
pub use self::resolve::Resolver;
pub use self::settings::Settings;
pub use self::tls::{Tls, TlsFiles};
use crate::{Reading, ReadingError};

/// The prefix of both keys, to which a tracking client subscribes.
const PREFIX: &str = "wrpi-";
const VALUE_KEY: &str = "wrpi-latest";
const TIMESTAMP_KEY: &str = "wrpi-timestamp";

/// The value of a key; `None` if it is missing or not a string.
type Stored = Option<Vec<u8>>;

/// A connection to the store.
#[derive(Clone, Debug)]
pub struct Store {
    server: Server,
    connection: MultiplexedConnection,
    /// Whether the server refuses both keys in one command (cluster mode, an ACL) but accepts one command per key.
    is_one_by_one: bool,
}

impl Store {
    /// Writes both keys in one command, so no reader sees a half-written reading. If the server refuses that, uses one
    /// command per key.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer within a second.
    pub async fn publish(&mut self, reading: &Reading) -> Result<(), StoreError> {
        let (value, calculated_at) = (reading.value.to_string(), reading.calculated_at.to_string());
        let mut refusal = None;
        if !self.is_one_by_one {
            let mset = redis::cmd("MSET").arg(&[VALUE_KEY, &value, TIMESTAMP_KEY, &calculated_at]).to_owned();
            match self.query(&mset).await {
                Err(error) if error.is_refused_command() => refusal = Some(error),
                outcome => return outcome,
            }
        }
        let set = async |key, text| self.query::<()>(redis::cmd("SET").arg(key).arg(text)).await;
        // Both commands are sent at once, to keep the time short in which a reader can see a half-written reading.
        let outcome = tokio::try_join!(set(VALUE_KEY, &value), set(TIMESTAMP_KEY, &calculated_at));
        self.one_by_one(refusal, outcome).map(drop)
    }

    /// Reads both keys in one command. If the server refuses that, uses one command per key. Returns `None` if neither
    /// key exists, and an inner error if they do not hold a valid reading.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer within a second.
    pub async fn fetch(&mut self) -> Result<Option<Result<Reading, ReadingError>>, StoreError> {
        Ok(match self.read_both().await? {
            (None, None) => None,
            (None, Some(_)) => Some(Err(ReadingError::Incomplete(VALUE_KEY))),
            (Some(_), None) => Some(Err(ReadingError::Incomplete(TIMESTAMP_KEY))),
            (Some(value), Some(calculated_at)) => Some(Reading::from_stored(&value, &calculated_at)),
        })
    }

    async fn read_both(&mut self) -> Result<(Stored, Stored), StoreError> {
        let mut refusal = None;
        if !self.is_one_by_one {
            match self.query(redis::cmd("MGET").arg(&[VALUE_KEY, TIMESTAMP_KEY])).await {
                Err(error) if error.is_refused_command() => refusal = Some(error),
                outcome => return outcome,
            }
        }
        let get = async |key| match self.query(redis::cmd("GET").arg(key)).await {
            Err(error) if error.is_wrong_type() => Ok(None),
            outcome => outcome,
        };
        let outcome = tokio::try_join!(get(VALUE_KEY), get(TIMESTAMP_KEY));
        self.one_by_one(refusal, outcome)
    }

    /// The `outcome` of one command per key, after the server's `refusal` of both keys in one command. Logs the
    /// fallback once per process.
    fn one_by_one<T>(&mut self, refusal: Option<StoreError>, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        static LOGGED: Once = Once::new();
        match (refusal, outcome) {
            (Some(refusal), Err(error)) => Err(if error.is_cluster_error() { error } else { refusal }),
            (Some(refusal), Ok(answer)) => {
                self.is_one_by_one = true;
                LOGGED.call_once(|| {
                    warn!(
                        error = %refusal,
                        "Redis refuses both keys in one command; using one command per key, which is not atomic"
                    );
                });
                Ok(answer)
            }
            (None, outcome) => outcome,
        }
    }

    /// Checks that the server answers this user.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer within a second.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query(&redis::cmd("PING")).await
    }

    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        let answer = command.query_async(&mut self.connection.clone()).await;
        answer.map_err(|cause| self.server.error(cause))
    }
}
