//! What a user would pick instead, and the limit: all serve the same reading on the same core.

use std::collections::BTreeSet;
use std::fs::{create_dir, write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wrpi_test::{Api, Response, Service, free_port};

use crate::machine::Cores;
use crate::system::{BODY, System};
use crate::target::Target;
use crate::tls::tls_port;

/// All servers side by side; each is idle while another is measured.
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
pub(crate) const HYPER: &str = "bare hyper, the same answer";
pub(crate) const NGINX_RETURN: &str = "nginx `return 200`, no authentication";
pub(crate) const NGINX_STATIC: &str = "nginx static file + `auth_basic`";
const NGINX_TLS: &str = "nginx over TLS";
pub(crate) const AIOHTTP: &str = "aiohttp + Redis";

impl Peers {
    /// Starts all of them and waits until each answers as it must.
    pub(crate) fn start(system: &System) -> Result<Self> {
        Cores::pinned(system.cores.server, || {
            let mut api = system.api()?;
            let ok = system.target(API, api.port(), vec![api.service.id()]);
            let answer = ok.check()?;
            let api_tls = Target { port: tls_port(&mut api)?, ..ok.clone() };

            let (hyper, port) = start_hyper(&[], &answer);
            let hyper_target = system.target(HYPER, port, vec![hyper.id()]);
            let same = hyper_target.becomes_right()?;
            ensure!(without_date(&same) == without_date(&answer), "bare hyper sends {same:?}, not {answer:?}");

            let (nginx, [returning, with_file, nginx_tls]) = start_nginx(system)?;
            let (aiohttp, aiohttp_target) = start_aiohttp(system)?;
            let all = vec![ok, hyper_target, returning, with_file, aiohttp_target];
            for target in &all {
                target.becomes_right()?;
            }
            Ok(Self { all, tls: [api_tls, nginx_tls], _api: api, _servers: vec![hyper, nginx, aiohttp] })
        })
    }

    /// The target called `name`.
    pub(crate) fn named(&self, name: &str) -> Result<&Target> {
        self.all.iter().find(|target| target.name == name).with_context(|| format!("no {name}"))
    }
}

/// Starts nginx, which answers with a constant, with a file and a password, and with a constant over TLS.
fn start_nginx(system: &System) -> Result<(Service, [Target; 3])> {
    let directory = system.directory.path();
    create_dir(directory.join("v0"))?;
    write(directory.join("v0/wrpi"), BODY)?;
    write(directory.join("passwords"), format!("any:{{PLAIN}}{}\n", system.password))?;
    let ports = [free_port(), free_port(), free_port()];
    let configuration = ["RETURN_PORT", "STATIC_PORT", "TLS_PORT"].iter().zip(ports).fold(
        include_str!("../peers/nginx.conf").replace("DIRECTORY", &directory.to_string_lossy()).replace("BODY", BODY),
        |text, (name, port)| text.replace(name, &port.to_string()),
    );
    write(directory.join("nginx.conf"), configuration)?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(directory.join("nginx.conf")).args(["-e", "stderr"]);
    let server = Service::start(nginx, std::env::var("PATH").map(|path| ("PATH", path)));
    let [returning, with_file, tls] = ports;
    let targets = [(NGINX_RETURN, returning), (NGINX_STATIC, with_file), (NGINX_TLS, tls)];
    let targets = targets.map(|(name, port)| system.target(name, port, vec![server.id()]));
    Ok((server, targets))
}

/// Starts the Python service, each of whose answers costs Redis a command.
fn start_aiohttp(system: &System) -> Result<(Service, Target)> {
    let (port, service) = (free_port(), system.file("aiohttp_service.py"));
    write(&service, include_str!("../peers/aiohttp_service.py"))?;
    // `make` has made it.
    let python = std::env::current_exe()?.with_file_name("../bench-tools/bin/python");
    let mut aiohttp = Command::new(python);
    aiohttp.arg(service);
    let variables = [("PORT", port.to_string()), ("REDIS_PORT", system.redis.port().to_string())];
    let password = ("APP_PASSWORD", system.password.clone());
    let server = Service::start(aiohttp, variables.into_iter().chain([password]));
    let target = system.target(AIOHTTP, port, vec![server.id(), system.redis.id()]);
    Ok((server, target))
}

/// Starts bare hyper, which gives the same answer to every request, and tells its port. `wrapper` runs it, if given.
pub(crate) fn start_hyper(wrapper: &[&str], answer: &Response) -> (Service, u16) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let headers = without_date(answer).into_iter().filter(|(name, _)| *name != "content-length");
    let arguments: Vec<_> = [&*address, &answer.body].into_iter().chain(headers.flat_map(<[_; 2]>::from)).collect();
    (Service::wrapped(wrapper, "bare_hyper", &arguments, [("", ""); 0]), port)
}

/// The headers of an answer but for its time.
fn without_date(answer: &Response) -> BTreeSet<(&str, &str)> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| *name != "date").collect()
}
