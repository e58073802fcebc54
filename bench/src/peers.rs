//! What a user would pick instead, and the limit: all serve the same reading on the same core.

use std::collections::BTreeSet;
use std::fs::{create_dir, write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wrpi_test::{Api, Response, Service, basic, free_port};

use crate::machine::Cores;
use crate::system::{BODY, System};
use crate::target::Target;

/// All servers side by side; each is idle while another is measured.
#[derive(Debug)]
pub(crate) struct Peers {
    /// What the API answers: 200, 304, and 401 in two ways.
    pub(crate) api: [Target; 4],
    /// One answer of each peer.
    pub(crate) others: Vec<Target>,
    _api: Api,
    _servers: Vec<Service>,
    _directory: TempDir,
}

pub(crate) const API: &str = "wrpi-api";
pub(crate) const NOT_MODIFIED: &str = "wrpi-api, 304";
pub(crate) const NO_PASSWORD: &str = "wrpi-api, 401 without a password";
pub(crate) const WRONG_PASSWORD: &str = "wrpi-api, 401 with a wrong password";
pub(crate) const HYPER: &str = "bare hyper, the same answer";
pub(crate) const NGINX_RETURN: &str = "nginx `return 200`, no authentication";
pub(crate) const NGINX_STATIC: &str = "nginx static file + `auth_basic`";
pub(crate) const WEBDIS: &str = "webdis + Redis";
pub(crate) const AIOHTTP: &str = "aiohttp + Redis";

const UNAUTHENTICATED: &str = r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#;

impl Peers {
    /// Starts all of them and waits until each answers as it must.
    pub(crate) fn start(system: &System) -> Result<Self> {
        Cores::pinned(system.cores.server, || {
            let directory = TempDir::new()?;
            let api = system.api()?;
            let mut peers = Self {
                api: api_targets(system, &api)?,
                others: Vec::new(),
                _api: api,
                _servers: Vec::new(),
                _directory: directory,
            };
            peers.start_hyper(system)?;
            peers.start_nginx(system)?;
            peers.start_webdis(system)?;
            peers.start_aiohttp(system)?;
            for target in peers.all() {
                target.becomes_right()?;
            }
            Ok(peers)
        })
    }

    /// The API's answers, then the others'.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Target> {
        self.api.iter().chain(&self.others)
    }

    /// The target called `name`.
    pub(crate) fn named(&self, name: &str) -> Result<&Target> {
        self.all().find(|target| target.name == name).with_context(|| format!("no {name}"))
    }

    fn start_hyper(&mut self, system: &System) -> Result<()> {
        let [ok, ..] = &self.api;
        let answer = ok.check()?;
        let (server, port) = start_hyper(&[], &answer);
        let hyper = system.target(HYPER, port, vec![server.id()]);
        let same = hyper.becomes_right()?;
        ensure!(without_date(&same) == without_date(&answer), "bare hyper sends {same:?}, not {answer:?}");
        self.others.push(hyper);
        self._servers.push(server);
        Ok(())
    }

    fn start_nginx(&mut self, system: &System) -> Result<()> {
        let (return_port, static_port) = (free_port(), free_port());
        let directory = self._directory.path();
        create_dir(directory.join("v0"))?;
        write(directory.join("v0/wrpi"), BODY)?;
        write(directory.join("passwords"), format!("any:{{PLAIN}}{}\n", system.password))?;
        let configuration = self.filled_in(
            "nginx.conf",
            include_str!("../peers/nginx.conf"),
            &[
                ("DIRECTORY", &directory.to_string_lossy()),
                ("RETURN_PORT", &return_port.to_string()),
                ("STATIC_PORT", &static_port.to_string()),
                ("BODY", BODY),
            ],
        )?;
        let mut nginx = Command::new("nginx");
        nginx.arg("-c").arg(configuration).args(["-e", "stderr"]);
        let server = start(nginx);
        self.others.push(system.target(NGINX_RETURN, return_port, vec![server.id()]));
        self.others.push(system.target(NGINX_STATIC, static_port, vec![server.id()]));
        self._servers.push(server);
        Ok(())
    }

    fn start_webdis(&mut self, system: &System) -> Result<()> {
        let port = free_port();
        let configuration = self.filled_in(
            "webdis.json",
            include_str!("../peers/webdis.json"),
            &[
                ("REDIS_PORT", &system.redis.port().to_string()),
                ("HTTP_PORT", &port.to_string()),
                ("USER", "any"),
                ("PASSWORD", &system.password),
            ],
        )?;
        let mut webdis = Command::new("webdis");
        webdis.arg(configuration);
        let server = start(webdis);
        let mut target = system.target(WEBDIS, port, vec![server.id(), system.redis.id()]);
        target.path = "/MGET/wrpi-latest/wrpi-timestamp";
        target.body = r#"{"MGET":["64.078","2026-11-24T02:14:24+0000"]}"#.to_owned();
        self.others.push(target);
        self._servers.push(server);
        Ok(())
    }

    fn start_aiohttp(&mut self, system: &System) -> Result<()> {
        let (port, service) = (free_port(), self._directory.path().join("aiohttp_service.py"));
        write(&service, include_str!("../peers/aiohttp_service.py"))?;
        // `make` has made it.
        let python = std::env::current_exe()?.with_file_name("../bench-tools/bin/python");
        let mut aiohttp = Command::new(python);
        aiohttp.arg(service);
        let variables = [("PORT", port.to_string()), ("REDIS_PORT", system.redis.port().to_string())];
        let password = ("APP_PASSWORD", system.password.clone());
        let server = Service::start(aiohttp, variables.into_iter().chain([password]));
        self.others.push(system.target(AIOHTTP, port, vec![server.id(), system.redis.id()]));
        self._servers.push(server);
        Ok(())
    }

    fn filled_in(&self, name: &str, template: &str, values: &[(&str, &str)]) -> Result<PathBuf> {
        let fill_in = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
        let path = self._directory.path().join(name);
        write(&path, values.iter().fold(template.to_owned(), fill_in))?;
        Ok(path)
    }
}

/// What is asked of the API: what it answers with 200, 304 and 401.
pub(crate) fn api_targets(system: &System, api: &Api) -> Result<[Target; 4]> {
    let ok = system.target(API, api.port(), vec![api.service.id()]);
    let etag = ok.check()?.header("etag").context("no ETag")?.to_owned();
    let wrong = basic(&format!("any:{}", system.password.to_lowercase()));
    let not_modified = Target {
        name: NOT_MODIFIED,
        headers: [&ok.headers[..], &[("If-None-Match", etag)]].concat(),
        status: 304,
        body: String::new(),
        ..ok.clone()
    };
    let unauthenticated =
        |name, headers| Target { name, headers, status: 401, body: UNAUTHENTICATED.to_owned(), ..ok.clone() };
    let no_password = unauthenticated(NO_PASSWORD, Vec::new());
    let wrong_password = unauthenticated(WRONG_PASSWORD, vec![("Authorization", wrong)]);
    Ok([ok, not_modified, no_password, wrong_password])
}

/// Starts a program of the system.
fn start(command: Command) -> Service {
    Service::start(command, std::env::var("PATH").map(|path| ("PATH", path)))
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
