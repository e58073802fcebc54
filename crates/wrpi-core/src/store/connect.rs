//! Connecting to the store: login, database number, TLS, and the request for pushes.

use std::time::{Duration, Instant};

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncConnectionConfig, IntoConnectionInfo, ProtocolVersion};

use super::{PREFIX, Resolver, Server, Settings, Store, StoreError, login};

/// Time-outs for connecting and for each command. They are short, because the next attempt starts only after them.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// After one second without data, the kernel probes the connection. If the probe is not acknowledged within another
/// second, it closes the connection. One second is the minimum.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(1)).with_interval(Duration::from_secs(1)).with_retries(1);

impl Store {
    /// Connects with RESP2, which every Redis speaks. A look-up of the server's name takes as long as the system's
    /// resolver does, unless `resolver` knows addresses.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved. If no address can be reached within a second, or the server refuses the credentials
    /// or the database number.
    pub async fn connect(settings: &Settings, resolver: &Resolver) -> Result<Self, StoreError> {
        Self::open(settings, resolver, ProtocolVersion::RESP2, AsyncConnectionConfig::new()).await
    }

    /// Connects with RESP3 and asks for an invalidation message whenever a key with [`PREFIX`] changes. The arrival time
    /// of each message, and of the end of the connection, is sent to `changed`.
    ///
    /// # Errors
    ///
    /// As [`Store::connect`], and if the server refuses RESP3 or tracking.
    pub(crate) async fn connect_tracking(
        settings: &Settings,
        resolver: &Resolver,
        changed: tokio::sync::watch::Sender<Instant>,
    ) -> Result<Self, StoreError> {
        let config = AsyncConnectionConfig::new().set_push_sender(move |_message| {
            changed.send_replace(Instant::now());
            Ok::<(), redis::aio::SendError>(())
        });
        let store = Self::open(settings, resolver, ProtocolVersion::RESP3, config).await?;
        let tracking = redis::cmd("CLIENT").arg(&["TRACKING", "ON", "BCAST", "PREFIX", PREFIX]).to_owned();
        store.query::<()>(&tracking).await?;
        Ok(store)
    }

    async fn open(
        settings: &Settings,
        resolver: &Resolver,
        protocol: ProtocolVersion,
        config: AsyncConnectionConfig,
    ) -> Result<Self, StoreError> {
        let server = Server::new(settings);
        let open = async {
            // Not within the time for connecting, so that a slow resolver does not use it up.
            let addresses = resolver.addresses(&settings.host, settings.port).await?;
            let info = settings
                .server()
                .into_connection_info()?
                .set_tcp_settings(TcpSettings::default().set_nodelay(true).set_keepalive(KEEPALIVE))
                .set_redis_settings(login::first(settings, protocol));
            let config = config
                .set_dns_resolver(addresses)
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(RESPONSE_TIMEOUT));
            let client = settings.tls.client(info)?;
            client.get_multiplexed_async_connection_with_config(&config).await
        };
        let connection = open.await.map_err(|cause| server.error(cause))?;
        let store = Self { server, connection, is_one_by_one: false };
        store.log_in(settings, protocol).await?;
        Ok(store)
    }
}
