//! Tasks: how many threads run them, and that none dies silently: its panic ends the process with a log line.

use wrpi_test::{Api, Authority, Redis, Service, eventually, random_password};

use crate::support::https::HOST;
use crate::support::secret::Secret;

#[test]
fn ends_the_process_with_an_error_if_a_task_panics() {
    let redis = Redis::start();
    let secret = Secret::mount(&Authority::new().issue(HOST));
    for task in
        ["feed", "renderer", "streams", "public listener", "TLS listener", "certificate reload", "admin listener"]
    {
        let mut environment = redis.environment();
        environment.extend([
            ("APP_PASSWORD", random_password()),
            ("LISTEN_ADDR", "127.0.0.1:0".into()),
            ("TLS_LISTEN_ADDR", "127.0.0.1:0".into()),
            ("ADMIN_ADDR", "127.0.0.1:0".into()),
            ("TLS_CERT_FILE", secret.path("tls.crt")),
            ("TLS_KEY_FILE", secret.path("tls.key")),
            ("WRPI_PANIC", task.into()),
        ]);
        let mut service = Service::spawn(env!("CARGO_BIN_EXE_wrpi-api"), environment);
        assert_eq!(service.wait().code(), Some(1), "{task}");
        let entry = service.logged("ended with an error");
        let error = entry["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("the {task} failed: ")), "{error}");
    }
}

#[test]
fn runs_tasks_on_as_many_threads_as_set() {
    for threads in [1, 3] {
        let (api, _redis) = Api::start(&[("TOKIO_WORKER_THREADS", &threads.to_string())]);
        // On a busy machine, a thread runs for a while before it has its name.
        let named = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", api.service.id())).unwrap();
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
            names.filter(|name| name.starts_with("tokio-")).count()
        };
        eventually(named, |named| *named == threads);
    }
}
