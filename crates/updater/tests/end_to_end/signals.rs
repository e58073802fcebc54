//! Signals are handled from the start.

use wrpi_test::terminate_at_settings;

use crate::UPDATER;

#[test]
fn they_are_handled_before_the_settings_are_read() {
    let variables = [("REDIS_PORT", "1"), ("UPDATE_INTERVAL", "60m")];
    assert_eq!(terminate_at_settings(UPDATER, "REDIS_PASS_FILE", &variables), Some(0));
}
