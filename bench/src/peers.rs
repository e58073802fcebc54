//! The servers with which the API is compared. All serve the same reading on the same core.

use std::collections::BTreeSet;
use std::fs::{create_dir, write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wrpi_test::{Api, Response, Service, free_port};

use crate::machine::Cores;
use crate::system::{BODY, STREAM, System};
use crate::target::Target;
use crate::tls::tls_port;

/// All servers. They run side by side, and each is idle while another is measured.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The API, then the others.
    pub(crate) all: Vec<Target>,
    /// The API and nginx, over TLS.
    pub(crate) tls: [Target; 2],
    _api: Api,
    _servers: Vec<Service>,
}

pub(crate) const API: &str = "wrpi-api";
pub(crate) const HYPER: &str = "bare hyper (same response)";
pub(crate) const NGINX_RETURN: &str = "nginx `return 200` without authentication";
pub(crate) const NGINX_STATIC: &str = "nginx static file + `auth_basic`";
const NGINX_TLS: &str = "nginx over TLS";
pub(crate) const AIOHTTP: &str = "aiohttp + Redis";

impl Peers {
    /// Starts all servers and waits until each sends the expected response.
    pub(crate) fn start(system: &System) -> Result<Self> {
        Cores::pinned(system.cores.server, || {
            let mut api = system.api()?;
            let ok = system.target(API, api.port(), vec![api.service.id()]);
            let answer = ok.check()?;
            let api_tls = Target { port: tls_port(&mut api)?, ..ok.clone() };

            let (hyper, port) = start_hyper(&[], &answer);
            let hyper_target = system.target(HYPER, port, vec![hyper.id()]);
            let same = hyper_target.wait_until_correct()?;
            ensure!(without_date(&same) == without_date(&answer), "bare hyper sends {same:?} instead of {answer:?}");

            let (nginx, [returning, with_file, nginx_tls]) = start_nginx(system)?;
            let (aiohttp, aiohttp_target) = start_aiohttp(system)?;
            let all = vec![ok, hyper_target, returning, with_file, aiohttp_target];
            for target in &all {
                target.wait_until_correct()?;
            }
            Ok(Self { all, tls: [api_tls, nginx_tls], _api: api, _servers: vec![hyper, nginx, aiohttp] })
        })
    }

    /// The target named `name`.
    pub(crate) fn named(&self, name: &str) -> Result<&Target> {
        self.all.iter().find(|target| target.name == name).with_context(|| format!("no target named {name}"))
    }
}

/// Starts nginx. Its targets are a constant response, a static file with a password, and a constant response over TLS.
fn start_nginx(system: &System) -> Result<(Service, [Target; 3])> {
    create_dir(system.file("v0"))?;
    write(system.file("v0/wrpi"), BODY)?;
    let ports @ [returning, with_file, tls] = [free_port(), free_port(), free_port()];
    let configuration = ["RETURN_PORT", "STATIC_PORT", "TLS_PORT"]
        .iter()
        .zip(ports)
        .fold(include_str!("../peers/nginx.conf").replace("BODY", BODY), |text, (name, port)| {
            text.replace(name, &port.to_string())
        });
    let server = run_nginx(system, "nginx.conf", &configuration)?;
    let targets = [(NGINX_RETURN, returning), (NGINX_STATIC, with_file), (NGINX_TLS, tls)];
    let targets = targets.map(|(name, port)| system.target(name, port, vec![server.id()]));
    Ok((server, targets))
}

/// Starts nginx with the module nchan, for `streams` streams and a publisher.
pub(crate) fn start_nchan(system: &System, streams: usize) -> Result<(Service, Target)> {
    let port = free_port();
    // nginx closes idle connections, such as the publisher's, when few of its connections are free.
    let configuration = include_str!("../peers/nchan.conf").replace("PORT", &port.to_string());
    let configuration = configuration.replace("STREAMS", &(2 * streams).to_string());
    let server = run_nginx(system, "nchan.conf", &configuration)?;
    let target = system.target("nginx with nchan", port, vec![server.id()]);
    let headers = [&target.headers[..], &[("Accept", "text/event-stream".to_owned())]].concat();
    Ok((server, Target { path: STREAM, headers, ..target }))
}

/// Runs nginx with a configuration, in whose text `DIRECTORY` stands for the directory of the servers' files.
fn run_nginx(system: &System, name: &str, configuration: &str) -> Result<Service> {
    write(system.file("passwords"), format!("any:{{PLAIN}}{}\n", system.password))?;
    write(system.file(name), configuration.replace("DIRECTORY", &system.directory.path().to_string_lossy()))?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(system.file(name)).args(["-e", "stderr"]);
    Ok(Service::start(nginx, std::env::var("PATH").map(|path| ("PATH", path))))
}

/// Starts the Python service, which sends one Redis command per request.
fn start_aiohttp(system: &System) -> Result<(Service, Target)> {
    let (port, service) = (free_port(), system.file("aiohttp_service.py"));
    write(&service, include_str!("../peers/aiohttp_service.py"))?;
    // The Makefile creates this virtual environment.
    let python = std::env::current_exe()?.with_file_name("../bench-tools/bin/python");
    let mut aiohttp = Command::new(python);
    aiohttp.arg(service);
    let variables = [("PORT", port.to_string()), ("REDIS_PORT", system.redis.port().to_string())];
    let password = ("APP_PASSWORD", system.password.clone());
    let server = Service::start(aiohttp, variables.into_iter().chain([password]));
    let target = system.target(AIOHTTP, port, vec![server.id(), system.redis.id()]);
    Ok((server, target))
}

/// Starts bare hyper, which sends `answer` to every request. Returns the server and its port. `wrapper` is a command
/// that runs it, or empty.
pub(crate) fn start_hyper(wrapper: &[&str], answer: &Response) -> (Service, u16) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let headers = without_date(answer).into_iter().filter(|(name, _)| *name != "content-length");
    let arguments: Vec<_> = [&*address, &answer.body].into_iter().chain(headers.flat_map(<[_; 2]>::from)).collect();
    (Service::wrapped(wrapper, "bare_hyper", &arguments, [("", ""); 0]), port)
}

/// The headers of a response except `Date`.
fn without_date(answer: &Response) -> BTreeSet<(&str, &str)> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| *name != "date").collect()
}
