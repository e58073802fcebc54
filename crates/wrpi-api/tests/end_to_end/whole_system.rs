//! From the updater through Redis to the client.

use std::time::Duration;

use tokio::runtime::Runtime;
use updater::Updater;
use wrpi_core::store;
use wrpi_test::{Api, Redis};

use crate::support::feed::NO_HEARTBEAT;

#[test]
fn serves_what_the_updater_stores() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[NO_HEARTBEAT]);
    let settings = store::Settings {
        host: "127.0.0.1".into(),
        port: redis.port(),
        db: 0,
        user: None,
        password: None,
        tls: store::Tls::Off,
    };
    let (mut updater, runtime) = (Updater::new(settings, rand::rng()), Runtime::new().unwrap());
    for _ in 0..3 {
        let stored = runtime.block_on(updater.run_once(Duration::from_secs(10))).unwrap();
        api.serves(&format!(
            r#"{{"latest_value":{},"latest_calculation_at":"{}"}}"#,
            stored.value, stored.calculated_at
        ));
    }
}
