//! From the updater through Redis to the client.

use std::time::Duration;

use tokio::runtime::Runtime;
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
    for _ in 0..3 {
        let random = &mut rand::rng();
        let run = updater::run_once(&settings, random, Duration::from_secs(10));
        let stored = Runtime::new().unwrap().block_on(run).unwrap();
        api.serves(&format!(
            r#"{{"latest_value":{},"latest_calculation_at":"{}"}}"#,
            stored.value, stored.calculated_at
        ));
    }
}
