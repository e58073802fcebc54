//! What Redis must be able to do, and what is lost if it cannot: docs/redis.md names these tests.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Redis, Reply, Scripted, TIMESTAMP, VALUE, eventually, random_password};

use crate::support::feed::{
    LOST, NO_HEARTBEAT, POLLED, PUSHED, follow_script as follow, logged_error as error, redis_with_reading as start,
};

#[test]
fn polls_a_redis_that_refuses_pushes_in_any_words() {
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
fn polls_a_redis_that_disconnects_until_it_accepts_pushes() {
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
fn treats_only_three_disconnects_in_a_row_as_a_refusal() {
    let (redis, disconnects) = (start(&[]), Arc::new(AtomicUsize::new(0)));
    let script = Scripted::start(redis.port(), {
        let disconnects = disconnects.clone();
        move |given| {
            let hangs_up = given[0] == "HELLO" && disconnects.fetch_add(1, Ordering::Relaxed) < 2;
            if hangs_up { Reply::HangUp } else { Reply::Real }
        }
    });
    let mut api = follow(&redis, &script, &[]);
    api.service.logged(PUSHED);
    assert_eq!(api.service.count_logged(POLLED), 0);
    assert!(disconnects.load(Ordering::Relaxed) > 2);
}

#[test]
fn waits_for_the_second_key_before_it_reads_again() {
    let redis = start(&[]);
    let reads = Arc::new(Mutex::new(Vec::new()));
    let script = Scripted::start(redis.port(), {
        let reads = reads.clone();
        move |given| match &*given[0] {
            // Without pushes, nothing else ends the wait.
            "HELLO" => Reply::Line("-NOPROTO".to_owned()),
            "MGET" => {
                let mut reads = reads.lock().unwrap();
                reads.push(Instant::now());
                // The value of the next reading with the time of this one. The first read is the first connection's.
                let is_half = reads.len() == 3;
                let time = format!("${}\r\n{TIMESTAMP}", TIMESTAMP.len());
                if is_half { Reply::Line(format!("*2\r\n$5\r\n1.000\r\n{time}")) } else { Reply::Real }
            }
            _ => Reply::Real,
        }
    });
    let api = follow(&redis, &script, &[]);
    let reads = eventually(|| reads.lock().unwrap().clone(), |reads| reads.len() > 4);
    let [waited, polled] = [reads[3] - reads[2], reads[4] - reads[3]];
    assert!(waited >= Duration::from_millis(20) && waited < polled, "{waited:?}, then {polled:?}");
    assert_eq!(api.metric("wrpi_readings_received_total"), "1", "half a reading was served");
}

#[test]
fn polls_a_redis_without_hello_or_client() {
    for command in ["HELLO", "CLIENT"] {
        let redis = start(&["--rename-command", command, ""]);
        let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
        api.service.logged(POLLED);
        redis.write("1.000", TIMESTAMP);
        api.serves_value("1.000");
    }
}

#[test]
fn reads_at_the_heartbeat_if_promised_pushes_do_not_come() {
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
fn reports_wrong_credentials_even_if_pushes_are_refused() {
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
fn logs_the_error_that_redis_sends_before_it_disconnects() {
    // Protected mode for a remote client, and a server with too many clients.
    for words in ["DENIED Redis is running in protected mode", "ERR max number of clients reached"] {
        let (listener, redis) = (TcpListener::bind("127.0.0.1:0").unwrap(), Redis::start());
        let port = listener.local_addr().unwrap().port().to_string();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let _it_may_have_left = client.write_all(format!("-{words}\r\n").as_bytes());
            }
        });
        let mut api = Api::follow(&redis, &[("REDIS_PORT", &port)]);
        let (_, error) = words.split_once(' ').unwrap();
        api.service.printed(|line| (line.contains(LOST) && line.contains(error)).then_some(()));
    }
}

#[test]
fn loses_what_is_documented_for_each_forbidden_command() {
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
    assert!(error(&mut api, LOST).contains("NOPERM"));
}

#[test]
fn selects_the_database_without_pushes_too() {
    let redis = Redis::start();
    redis.cli(&["-n", "3", "MSET", "wrpi-latest", VALUE, "wrpi-timestamp", TIMESTAMP]);
    let script = Scripted::start(redis.port(), |given| {
        if given[0] == "HELLO" { Reply::Line("-NOPROTO".to_owned()) } else { Reply::Real }
    });
    follow(&redis, &script, &[("REDIS_DB", "3")]).serves(BODY);
}

#[test]
fn follows_a_replica() {
    let redis = start(&["--repl-diskless-sync-delay", "0"]);
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let mut api = Api::follow(&replica, &[NO_HEARTBEAT]);
    api.serves(BODY);
    api.service.logged(PUSHED);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}
