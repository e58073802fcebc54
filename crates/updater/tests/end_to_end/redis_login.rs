//! What the log says if Redis refuses the login: the server's own words, and never the password.

use wrpi_test::{Redis, Reply, Scripted, random_password};

use crate::support::{refusal, run};

#[test]
fn logs_the_words_of_redis_about_a_refused_login() {
    let [right, wrong] = [(); 2].map(|()| random_password());
    let (open, closed) = (Redis::start(), Redis::start_with(&["--requirepass", &right]));
    closed.cli(&["-a", &right, "--no-auth-warning", "ACL", "SETUSER", "disabled", "off", &format!(">{right}")]);
    let refused = "WRONGPASS invalid username-password pair or user is disabled.";
    let without = "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                   configuration is correct?";
    for (redis, variables, words) in [
        (&closed, &[("REDIS_PASS", wrong.as_str())][..], refused),
        (&closed, &[("REDIS_USER", "default"), ("REDIS_PASS", &wrong)], refused),
        (&closed, &[("REDIS_USER", "unknown"), ("REDIS_PASS", &right)], refused),
        (&closed, &[("REDIS_USER", "disabled"), ("REDIS_PASS", &right)], refused),
        (&closed, &[], "NOAUTH Authentication required."),
        (&open, &[("REDIS_PASS", &wrong)], without),
        (&open, &[("REDIS_USER", "default"), ("REDIS_PASS", &wrong)], without),
    ] {
        let error = refusal(redis, variables);
        assert_eq!(error, format!("Redis at 127.0.0.1:{}/0: {words}", redis.port()));
    }
}

#[test]
fn never_logs_the_password_that_a_server_repeats() {
    let (redis, password) = (Redis::start(), random_password());
    for (repeated, shown) in [
        (format!("ERR unknown command 'AUTH', with args beginning with: '{password}' "), "ERR unknown command 'AUTH'"),
        (
            format!("ERR unknown command 'AUTH', with args beginning with: '{}", &password[..9]),
            "ERR unknown command 'AUTH'",
        ),
        (format!("ERR no user has {password}"), "ERR no user has ***"),
    ] {
        let script = Scripted::start(redis.port(), move |given| {
            if given[0] == "AUTH" { Reply::Line(format!("-{repeated}")) } else { Reply::Real }
        });
        let port = script.port().to_string();
        let variables = [("REDIS_PORT", &*port), ("REDIS_PASS", &password), ("UPDATE_DEADLINE", "1s")];
        let (code, output) = run(&redis, &variables);
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(shown) && !output.contains(&password[..9]), "{output}");
    }
}

#[test]
fn logs_in_without_a_user_to_a_redis_that_has_none() {
    let password = random_password();
    let redis = Redis::start_with(&["--requirepass", &password]);
    let script = Scripted::start(redis.port(), |given| {
        if given[0] == "AUTH" && given.len() == 3 {
            return Reply::Line("-ERR wrong number of arguments for 'auth' command".to_owned());
        }
        Reply::Real
    });
    let port = script.port().to_string();
    let variables = [("REDIS_PORT", &*port), ("REDIS_USER", "api"), ("REDIS_PASS", &password)];
    assert_eq!(run(&redis, &variables).0, Some(0));
    assert_eq!(redis.cli(&["-a", &password, "--no-auth-warning", "EXISTS", "wrpi-latest"]), "1");
}
