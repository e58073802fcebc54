//! The Redis store: the keys, the format of what they hold, and how to connect.

mod settings;

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, TlsCertificates,
};
use secrecy::ExposeSecret;

pub use self::settings::{Settings, Tls};
use crate::{Reading, ReadingError};

/// The prefix of both keys, as a tracking client subscribes to it.
const PREFIX: &str = "wrpi-";
const VALUE_KEY: &str = "wrpi-latest";
const TIMESTAMP_KEY: &str = "wrpi-timestamp";

/// How long connecting, and each command, may take: short, since what is sent into a dead network is only tried again
/// after it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {address}: {cause}")]
pub struct StoreError {
    address: String,
    /// Not a `source`, as the message has it already.
    cause: redis::RedisError,
}

impl StoreError {
    pub(crate) fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Whether the server answered and refused, rather than failed: it lacks the command, or the right to it.
    pub(crate) fn is_refusal(&self) -> bool {
        let kind = self.kind();
        matches!(kind, ErrorKind::RESP3NotSupported)
            || matches!(kind, ErrorKind::Server(kind) if matches!(kind, redis::ServerErrorKind::NoPerm | redis::ServerErrorKind::ResponseError))
    }
}

/// A connection to the store.
#[derive(Clone, Debug)]
pub struct Store {
    address: String,
    connection: MultiplexedConnection,
}

impl Store {
    /// Connects with RESP2, which every Redis speaks.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached in a second or refuses the credentials or the database number.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Self::open(settings, ProtocolVersion::RESP2, AsyncConnectionConfig::new()).await
    }

    /// Connects with RESP3 and asks for an invalidation message whenever a key with [`PREFIX`] changes. Each message
    /// (and the end of the connection) sends its time to `changed`.
    ///
    /// # Errors
    ///
    /// As [`Store::connect`]; and when the server refuses RESP3 or tracking.
    pub(crate) async fn connect_tracking(
        settings: &Settings,
        changed: tokio::sync::watch::Sender<Instant>,
    ) -> Result<Self, StoreError> {
        let config = AsyncConnectionConfig::new().set_push_sender(move |_message| {
            changed.send_replace(Instant::now());
            Ok::<(), redis::aio::SendError>(())
        });
        let mut store = Self::open(settings, ProtocolVersion::RESP3, config).await?;
        let tracking = redis::cmd("CLIENT").arg(&["TRACKING", "ON", "BCAST", "PREFIX", PREFIX]).to_owned();
        store.query::<()>(&tracking).await?;
        Ok(store)
    }

    async fn open(
        settings: &Settings,
        protocol: ProtocolVersion,
        config: AsyncConnectionConfig,
    ) -> Result<Self, StoreError> {
        let address = settings.address();
        let open = async {
            // Without CLIENT SETINFO: an ACL need not allow it, and Redis 7.0 does not know it.
            let mut login = RedisConnectionInfo::default()
                .set_db(settings.db.into())
                .set_protocol(protocol)
                .set_skip_set_lib_name();
            if let Some(user) = &settings.user {
                login = login.set_username(user);
            }
            if let Some(password) = &settings.password {
                login = login.set_password(password.expose_secret());
            }
            let server = settings
                .server()
                .into_connection_info()?
                .set_tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true))
                .set_redis_settings(login);
            let config =
                config.set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(Some(RESPONSE_TIMEOUT));
            let client = match &settings.tls {
                Tls::Off | Tls::WellKnown => redis::Client::open(server)?,
                Tls::Private { authorities, any_name } => {
                    let trusted = TlsCertificates { client_tls: None, root_cert: Some(authorities.clone()) };
                    let server = redis::Client::build_with_tls(server, trusted)?.get_connection_info().clone();
                    let mut address = server.addr().clone();
                    address.set_danger_accept_invalid_hostnames(*any_name);
                    redis::Client::open(server.set_addr(address))?
                }
            };
            client.get_multiplexed_async_connection_with_config(&config).await
        };
        match open.await {
            Ok(connection) => Ok(Self { address, connection }),
            Err(cause) => Err(StoreError { address, cause }),
        }
    }

    /// Writes both keys in one command, so that no reader ever sees the one without the other.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn publish(&mut self, reading: &Reading) -> Result<(), StoreError> {
        let (value, calculated_at) = (reading.value.to_string(), reading.calculated_at.to_string());
        self.query(redis::cmd("MSET").arg(VALUE_KEY).arg(value).arg(TIMESTAMP_KEY).arg(calculated_at)).await
    }

    /// Reads both keys in one command: `None` where neither is there, an inner error where what is there is no
    /// reading.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn fetch(&mut self) -> Result<Option<Result<Reading, ReadingError>>, StoreError> {
        let mget = redis::cmd("MGET").arg(&[VALUE_KEY, TIMESTAMP_KEY]).to_owned();
        Ok(match self.query::<(Option<Vec<u8>>, Option<Vec<u8>>)>(&mget).await? {
            (None, None) => None,
            (None, Some(_)) => Some(Err(ReadingError::Incomplete(VALUE_KEY))),
            (Some(_), None) => Some(Err(ReadingError::Incomplete(TIMESTAMP_KEY))),
            (Some(value), Some(calculated_at)) => Some(Reading::from_stored(&value, &calculated_at)),
        })
    }

    /// Asks whether the server answers this user at all.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.query(&redis::cmd("PING")).await
    }

    async fn query<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, StoreError> {
        let answer = command.query_async(&mut self.connection).await;
        answer.map_err(|cause| StoreError { address: self.address.clone(), cause })
    }
}
