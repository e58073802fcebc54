//! What a Redis must be able to do, and what is lost where it cannot: docs/redis.md names these tests.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wrpi_test::{Redis, Reply, Scripted, random_password};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

const PUSHED: &str = "store connected, changes are pushed";
const POLLED: &str = "store connected, but it refuses to push changes; polling every second";
const LOST: &str = "store lost, trying again until it is back";
/// So long that only a push or polling can bring a change in time.
const NO_HEARTBEAT: (&str, &str) = ("REDIS_HEARTBEAT", "60m");

/// A Redis that holds [`VALUE`] and [`TIMESTAMP`].
fn start(arguments: &[&str]) -> Redis {
    let redis = Redis::start_with(arguments);
    redis.write(VALUE, TIMESTAMP);
    redis
}

/// An API that follows `redis` through `script`.
fn follow(redis: &Redis, script: &Scripted, more: &[(&str, &str)]) -> Api {
    let port = script.port().to_string();
    Api::follow(redis, &[&[("REDIS_PORT", port.as_str()), NO_HEARTBEAT], more].concat())
}

/// The error that the log gives with the first `message`.
fn error(api: &mut Api, message: &str) -> String {
    api.service.logged(message)["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_redis_that_refuses_to_push_in_whatever_words_is_polled() {
    let redis = start(&[]);
    for (command, refusal) in [
        ("HELLO", "-NOPROTO unsupported protocol version"),
        ("HELLO", "-unsupported command 'HELLO'"),
        ("HELLO", "-ERR unknown command 'HELLO'"),
        ("HELLO", "-ERR unknown command `HELLO`, with args beginning with: `3`, "),
        ("HELLO", "-NOAUTH HELLO must be called with the client already authenticated"),
        ("HELLO", "-DENIED HELLO is not allowed here"),
        ("HELLO", "-NOPERM no permissions to run HELLO"),
        ("HELLO", "-LOADING not yet"),
        ("HELLO", "-"),
        ("CLIENT", "-ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP."),
        ("CLIENT", "-DENIED"),
        ("CLIENT", "-NOPERM this user has no permissions to run the 'client|tracking' command"),
        ("CLIENT", "-unsupported command"),
    ] {
        let script = Scripted::start(redis.port(), move |given| {
            if given[0] == command { Reply::Line(refusal.to_owned()) } else { Reply::Real }
        });
        let mut api = follow(&redis, &script, &[]);
        let error = error(&mut api, POLLED);
        assert!(error.contains(&format!("127.0.0.1:{}/0: ", script.port())), "{refusal}: {error}");
        for value in ["1.000", "2.000"] {
            redis.write(value, TIMESTAMP);
            api.serves_value(value);
        }
        assert_eq!(api.service.count_logged(PUSHED), 0, "{refusal}");
    }
}

#[test]
fn a_redis_that_hangs_up_when_it_is_asked_to_push_is_polled_until_it_does_not() {
    let redis = start(&[]);
    for command in ["HELLO", "CLIENT"] {
        let hangs_up = Arc::new(AtomicBool::new(true));
        let script = Scripted::start(redis.port(), {
            let hangs_up = hangs_up.clone();
            move |given| {
                if given[0] == command && hangs_up.load(Ordering::Relaxed) { Reply::HangUp } else { Reply::Real }
            }
        });
        let mut api = follow(&redis, &script, &[]);
        api.service.logged(POLLED);
        redis.write("1.000", TIMESTAMP);
        api.serves_value("1.000");
        hangs_up.store(false, Ordering::Relaxed);
        api.service.logged(PUSHED);
        redis.write("2.000", TIMESTAMP);
        api.serves_value("2.000");
    }
}

#[test]
fn a_redis_without_hello_or_client_is_polled() {
    for command in ["HELLO", "CLIENT"] {
        let redis = start(&["--rename-command", command, ""]);
        let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
        api.service.logged(POLLED);
        redis.write("1.000", TIMESTAMP);
        api.serves_value("1.000");
    }
}

#[test]
fn a_redis_that_promises_pushes_and_sends_none_is_read_at_the_heartbeat() {
    let redis = start(&[]);
    let script =
        Scripted::start(
            redis.port(),
            |given| {
                if given[0] == "CLIENT" { Reply::Line("+OK".to_owned()) } else { Reply::Real }
            },
        );
    let mut api = follow(&redis, &script, &[("REDIS_HEARTBEAT", "100ms")]);
    api.service.logged(PUSHED);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn wrong_credentials_stay_an_error_where_pushes_are_refused_too() {
    let (right, wrong) = (random_password(), random_password());
    let redis = Redis::start_with(&["--requirepass", &right]);
    for reply in [Reply::Line("-NOPROTO unsupported protocol version".to_owned()), Reply::HangUp] {
        let script = Scripted::start(redis.port(), {
            move |given| if given[0] == "HELLO" { reply.clone() } else { Reply::Real }
        });
        for (variables, words) in [(&[("REDIS_PASS", wrong.as_str())][..], "password"), (&[], "authentication")] {
            let mut api = follow(&redis, &script, variables);
            api.service.printed(|line| {
                assert!(!line.contains(&wrong) && !line.contains(POLLED), "{line}");
                (line.contains(LOST) && line.to_lowercase().contains(words)).then_some(())
            });
            assert_eq!((api.get().status, api.metric("wrpi_store_up").as_str()), (503, "0"));
        }
    }
}

#[test]
fn what_a_redis_says_before_it_hangs_up_is_told() {
    // Protected mode, to a client from elsewhere, and a server that is full.
    for words in ["DENIED Redis is running in protected mode", "ERR max number of clients reached"] {
        let (listener, redis) = (TcpListener::bind("127.0.0.1:0").unwrap(), Redis::start());
        let port = listener.local_addr().unwrap().port().to_string();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let _it_may_have_left = client.write_all(format!("-{words}\r\n").as_bytes());
            }
        });
        let mut api = Api::follow(&redis, &[("REDIS_PORT", &port)]);
        let (_, told) = words.split_once(' ').unwrap();
        api.service.printed(|line| (line.contains(LOST) && line.contains(told)).then_some(()));
    }
}

#[test]
fn each_command_that_an_acl_forbids_costs_what_is_documented() {
    let (redis, password) = (start(&[]), random_password());
    let rule = format!(">{password}");
    let user = |commands: &[&str]| {
        let rules = ["ACL", "SETUSER", "api", "reset", "on", &rule, "%R~wrpi-latest", "%R~wrpi-timestamp"];
        redis.cli(&[&rules, commands].concat());
    };
    let login = [("REDIS_USER", "api"), ("REDIS_PASS", password.as_str()), NO_HEARTBEAT];
    for (commands, seen) in [
        (&["+mget", "+client|tracking"][..], PUSHED),
        (&["+get", "+client|tracking"], PUSHED),
        (&["+mget"], POLLED),
        (&["+get"], POLLED),
        (&["+client|tracking"], LOST),
    ] {
        user(commands);
        let mut api = Api::follow(&redis, &login);
        api.service.logged(seen);
        if seen == LOST {
            assert_eq!(api.get().status, 503);
            continue;
        }
        redis.write("1.000", TIMESTAMP);
        api.serves_value("1.000");
        redis.write("2.000", TIMESTAMP);
        api.serves_value("2.000");
    }
    user(&["+mget", "+client|tracking"]);
    let mut api = Api::follow(&redis, &[&login[..], &[("REDIS_DB", "1")]].concat());
    assert!(error(&mut api, LOST).contains("refused to switch database"));
}

#[test]
fn a_database_is_selected_without_pushes_too() {
    let redis = Redis::start();
    redis.cli(&["-n", "3", "MSET", "wrpi-latest", VALUE, "wrpi-timestamp", TIMESTAMP]);
    let script = Scripted::start(redis.port(), |given| {
        if given[0] == "HELLO" { Reply::Line("-NOPROTO".to_owned()) } else { Reply::Real }
    });
    follow(&redis, &script, &[("REDIS_DB", "3")]).serves(BODY);
}

#[test]
fn a_replica_is_followed() {
    let redis = start(&["--repl-diskless-sync-delay", "0"]);
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let mut api = Api::follow(&replica, &[NO_HEARTBEAT]);
    api.serves(BODY);
    api.service.logged(PUSHED);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn every_test_that_the_page_names_exists() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{crates}/../docs/redis.md")).unwrap();
    let sources = |file: &str| {
        let of = |name: &str| std::fs::read_to_string(format!("{crates}/{name}/tests/end_to_end/{file}.rs"));
        ["wrpi-api", "updater"].map(|name| of(name).unwrap_or_default()).concat()
    };
    let named: Vec<_> = page.split('`').filter_map(|code| code.split_once("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named {
        assert!(sources(file).contains(&format!("#[test]\nfn {test}()")), "{file}::{test}");
    }
}
