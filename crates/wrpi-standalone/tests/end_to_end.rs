//! `wrpi-standalone`: without any settings it serves a live reading, and prints the command that gets it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Command;

use wrpi_test::{Connection, Service, eventually, get, random_password, send};

const STANDALONE: &str = env!("CARGO_BIN_EXE_wrpi-standalone");

/// Starts it on free ports. Also returns the user and the address in the printed command.
fn start(more: &[(&str, &str)]) -> (Service, String, String) {
    let free = [("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")];
    let mut service = Service::spawn(STANDALONE, free.into_iter().chain(more.iter().copied()));
    let (user, address) = service.printed(|line| {
        let (user, url) = line.strip_prefix("curl -u ")?.rsplit_once(' ')?;
        let address = url.strip_prefix("http://")?.strip_suffix("/v0/wrpi")?;
        Some((user.to_owned(), address.to_owned()))
    });
    (service, user, address)
}

#[test]
fn the_printed_command_gets_a_reading_and_later_a_new_one() {
    let (mut service, user, address) = start(&[("UPDATE_INTERVAL", "100ms")]);
    let password = user.strip_prefix("any:").unwrap();
    assert!(password.len() >= 20 && password.bytes().all(|b| b.is_ascii_alphanumeric()), "{password}");
    let first = eventually(|| get(&address, "/v0/wrpi", password), |answer| answer.status == 200).body;
    assert!(first.starts_with(r#"{"latest_value":"#), "{first}");
    eventually(|| get(&address, "/v0/wrpi", password).body, |body| *body != first);
    assert_eq!(get(&address, "/v0/wrpi", "guess").status, 401);
    service.terminate();
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn each_start_generates_another_password() {
    assert_ne!(start(&[]).1, start(&[]).1);
}

#[test]
fn uses_a_given_password_and_does_not_print_it() {
    let password = random_password();
    let (service, user, address) = start(&[("APP_PASSWORD", &password)]);
    assert_eq!(user, r#""any:$APP_PASSWORD""#);
    eventually(|| get(&address, "/v0/wrpi", &password).status, |status| *status == 200);
    assert!(!service.output().join("\n").contains(&password));
}

#[test]
fn rejects_an_empty_password_file_instead_of_generating_a_password() {
    let mut service = Service::spawn(STANDALONE, [("APP_PASSWORD_FILE", "/dev/null")]);
    assert_eq!(service.wait().code(), Some(2));
    let problem = "APP_PASSWORD is unset or empty; allowed: a password, here or in APP_PASSWORD_FILE";
    assert_eq!(service.output(), [problem]);
}

#[test]
fn serves_the_page_on_another_origin_and_the_page_calls_only_this_api() {
    let (mut service, _, address) = start(&[("PAGE_ADDR", "127.0.0.1:0")]);
    let page = service.printed(|line| line.strip_prefix("page: http://").map(str::to_owned));
    let index = send(&page, "GET", "/", &[]);
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(index.body.matches("http://").count(), 2, "{}", index.body);
    let port = address.rsplit_once(':').unwrap().1;
    for (host, api) in [
        (&*page, format!("http://{address}\"")),
        ("localhost:8000", format!("http://localhost:{port}\"")),
        ("[::1]:8000", format!("http://[::1]:{port}\"")),
        ("192.0.2.1", format!("http://192.0.2.1:{port}\"")),
        ("a'; script-src *", format!("http://{address}\"")),
        ("a@b", format!("http://b:{port}\"")),
    ] {
        let mut connection = Connection::open(&page).unwrap();
        connection.write(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        let index = connection.read(true).unwrap().body;
        assert_eq!(index.matches(&api).count(), 2, "{host}: {index}");
    }
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/clients/js/wrpi.js", "text/javascript; charset=utf-8"),
        ("/clients/js/tabs.js", "text/javascript; charset=utf-8"),
        ("/clients/js/time.js", "text/javascript; charset=utf-8"),
        ("/sparkline.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml; charset=utf-8"),
    ] {
        let file = send(&page, "GET", path, &[]);
        assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)), "{path}");
        let again = send(&page, "GET", path, &[("If-None-Match", file.header("etag").unwrap())]);
        assert_eq!((again.status, again.body.as_str(), again.header("cache-control")), (304, "", Some("no-cache")));
    }
    assert_eq!(send(&address, "GET", "/app.js", &[]).status, 404);
}

#[test]
fn exits_with_code_2_if_a_setting_is_invalid() {
    let mut service = Service::spawn(STANDALONE, [("UPDATE_INTERVAL", "1ms"), ("PAGE_ADDR", "8000")]);
    assert_eq!(service.wait().code(), Some(2));
    let lines = [
        "UPDATE_INTERVAL is \"1ms\"; allowed: a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m",
        "PAGE_ADDR is \"8000\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080",
    ];
    assert_eq!(service.output(), lines);
}

#[test]
fn the_command_line_accepts_only_help_and_version() {
    let run = |argument: &str| Command::new(STANDALONE).arg(argument).env_clear().output().unwrap();
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for line in ["UPDATE_INTERVAL [60s]", "LISTEN_ADDR [127.0.0.1:8080]", "APP_PASSWORD [generated and printed]"] {
        assert!(help.contains(&format!("\n  {line}\n")), "{line} in {help}");
    }
    let version = String::from_utf8(run("--version").stdout).unwrap();
    assert_eq!(version, concat!("wrpi-standalone ", env!("CARGO_PKG_VERSION"), "\n"));
    let output = run("healthcheck");
    assert_eq!(output.status.code(), Some(2));
    let line = "arguments are [\"healthcheck\"]; allowed: none, --help or --version\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
}

#[test]
fn serves_even_if_standard_output_fails() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" >/dev/full"#, STANDALONE]);
    let password = random_password();
    let [free, page] = [("LISTEN_ADDR", "127.0.0.1:0"), ("PAGE_ADDR", "127.0.0.1:0")];
    let mut service = Service::start(command, [free, page, ("ADMIN_ADDR", "127.0.0.1:0"), ("APP_PASSWORD", &password)]);
    let address = service.address("public");
    eventually(|| get(&address, "/v0/wrpi", &password).status, |status| *status == 200);
    service.terminate();
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(service.count_logged("cannot write to standard output"), 2, "{:?}", service.output());
}

#[test]
fn signals_are_handled_before_the_settings_are_read() {
    let free = [("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")];
    assert_eq!(wrpi_test::terminate_at_settings(STANDALONE, "APP_PASSWORD_FILE", &free), Some(0));
}
