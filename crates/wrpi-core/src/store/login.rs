//! Logging in. `redis` could do it, but hides the server's words when it uses RESP2, and does not notice a server that
//! needs no password.

use redis::{ErrorKind, ProtocolVersion, RedisConnectionInfo, ServerErrorKind};
use secrecy::ExposeSecret;

use super::{Settings, Store, StoreError};

/// The login that `redis` does itself, before anything else can be sent: RESP3 begins with `HELLO`, which needs the
/// password.
pub(super) fn first(settings: &Settings, protocol: ProtocolVersion) -> RedisConnectionInfo {
    // Without CLIENT SETINFO: ACLs need not allow it, and Redis 7.0 does not know it.
    let mut login = RedisConnectionInfo::default().set_protocol(protocol).set_skip_set_lib_name();
    if protocol == ProtocolVersion::RESP2 {
        return login;
    }
    login = login.set_db(settings.db.into());
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password.expose_secret());
    }
    login
}

impl Store {
    /// Does the rest of the login after [`first`].
    ///
    /// # Errors
    ///
    /// What the server says about the credentials or the database number. If the default user of the server needs no
    /// password, that is an error too: this is another server, or less protected, than the settings say.
    pub(super) async fn log_in(&self, settings: &Settings, protocol: ProtocolVersion) -> Result<(), StoreError> {
        let is_begun = protocol != ProtocolVersion::RESP2;
        if let Some(password) = &settings.password {
            let password = password.expose_secret();
            let user = settings.user.as_deref().filter(|user| *user != "default");
            match user {
                // With RESP3 as well: HELLO accepts any password for a default user that needs none.
                None => self.query::<()>(redis::cmd("AUTH").arg(password)).await?,
                Some(_) if is_begun => {}
                Some(user) => match self.query::<()>(redis::cmd("AUTH").arg(user).arg(password)).await {
                    // Redis before version 6 has no users.
                    Err(error) if error.is_wrong_number_of_arguments() => {
                        self.query::<()>(redis::cmd("AUTH").arg(password)).await?;
                    }
                    outcome => outcome?,
                },
            }
        }
        if !is_begun && settings.db != 0 {
            self.query::<()>(redis::cmd("SELECT").arg(settings.db)).await?;
        }
        Ok(())
    }
}

impl StoreError {
    fn is_wrong_number_of_arguments(&self) -> bool {
        self.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
            && self.to_string().contains("number of arguments")
    }
}
