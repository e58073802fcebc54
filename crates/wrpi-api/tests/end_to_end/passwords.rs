//! A change of the password without a gap.

use wrpi_test::{Api, Redis, TIMESTAMP, VALUE, get, random_password};

const PREVIOUS: &str = "wrpi_auth_previous_password_total";

/// Replicas before, during and after the change: in each of the two roll-outs, old and new replicas run side by side.
#[test]
fn accepts_every_password_in_use_during_both_roll_outs_of_a_change() {
    let (old, new) = (random_password(), random_password());
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let start = |variables: &[(&str, &str)]| {
        let api = Api::follow(&redis, variables);
        api.becomes_ready();
        api
    };
    let before = start(&[("APP_PASSWORD", &old)]);
    let during = start(&[("APP_PASSWORD", &new), ("APP_PASSWORD_PREVIOUS", &old)]);
    let after = start(&[("APP_PASSWORD", &new), ("APP_PASSWORD_PREVIOUS", "")]);
    for (in_use, replicas) in [(&old, [&before, &during]), (&new, [&during, &after])] {
        for api in replicas {
            for _ in 0..20 {
                assert_eq!(get(&api.address, "/v0/wrpi", in_use).status, 200);
            }
        }
    }
    assert_eq!(get(&after.address, "/v0/wrpi", &old).status, 401, "the change is complete");
    assert_eq!(get(&before.address, "/v0/wrpi", &new).status, 401, "the change has not begun");
    // The metric shows that clients still use the previous password.
    let counts = [&before, &during, &after].map(|api| api.metric(PREVIOUS));
    assert_eq!(counts, ["0", "20", "0"]);
    assert_eq!(during.metric("wrpi_auth_failures_total"), "0");
}
