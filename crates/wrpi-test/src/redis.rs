//! A private `redis-server`.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{Authority, Pair, Service, eventually, free_port};

const ADVICE: &str = "The tests need redis-server and redis-cli 6 or newer on PATH: `make test` installs them with \
                      apt-get; elsewhere install Redis with your package manager.";

const TLS_PORT: &str = "--tls-port";
const CA: &str = "authority.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// A private server on a free port of 127.0.0.1, without persistence, killed on drop.
#[derive(Debug)]
pub struct Redis {
    process: Service,
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    port_argument: &'static str,
}

impl Redis {
    /// Starts a server that accepts connections.
    ///
    /// # Panics
    ///
    /// When `redis-server` is not on `PATH`, with advice.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further `arguments`, such as `["--requirepass", "…"]`.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_in(TempDir::new().unwrap(), "--port", arguments)
    }

    /// Starts a server that accepts only TLS, with a certificate of `authority` for the host `name`.
    pub fn start_tls(authority: &Authority, name: &str) -> Self {
        Self::start_tls_with(&authority.pem(), &authority.issue(name), &["--tls-auth-clients", "no"])
    }

    /// Starts a server that accepts only TLS, with this certificate and further `arguments`. It trusts the clients of
    /// `authority`, a PEM certificate, which clients must trust too.
    pub fn start_tls_with(authority: &str, pair: &Pair, arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        write_certificates(&directory, authority, pair);
        let files = ["--port", "0", "--tls-ca-cert-file", CA, "--tls-cert-file", CERTIFICATE, "--tls-key-file", KEY];
        Self::start_in(directory, TLS_PORT, &[&files, arguments].concat())
    }

    /// Starts it again, like [`Redis::restart`], with another authority and another certificate.
    pub fn renew(&mut self, authority: &str, pair: &Pair) {
        write_certificates(&self.directory, authority, pair);
        self.restart();
    }

    /// Starts a cluster of one node that serves all slots except `missing`.
    pub fn start_cluster(missing: &[&str]) -> Self {
        let redis = Self::start_with(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
        let slots: Vec<String> = (0..16_384).map(|slot: u16| slot.to_string()).collect();
        let served = slots.iter().map(String::as_str).filter(|slot| !missing.contains(slot));
        redis.cli(&["CLUSTER", "ADDSLOTS"].into_iter().chain(served).collect::<Vec<_>>());
        eventually(|| redis.cli(&["CLUSTER", "INFO"]), |info| info.contains("cluster_state:ok"));
        redis
    }

    fn start_in(directory: TempDir, port_argument: &'static str, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        loop {
            let port = free_port();
            // Another process may have taken the port meanwhile: try another one.
            if let Some(process) = spawn(port_argument, port, &arguments, &directory) {
                return Self { process, port, arguments, directory, port_argument };
            }
        }
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The variables that make a service use database 0 of this server.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables =
            vec![("REDIS_HOST", "127.0.0.1".into()), ("REDIS_PORT", self.port.to_string()), ("REDIS_DB", "0".into())];
        if let Some(ca) = self.ca() {
            variables.extend([("REDIS_TLS", "true".into()), ("REDIS_CA_FILE", ca)]);
        }
        variables
    }

    /// The file with the authority's certificate, if the server uses TLS.
    fn ca(&self) -> Option<String> {
        (self.port_argument == TLS_PORT).then(|| self.file(CA))
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Runs `redis-cli` with `arguments` and returns its output without the trailing newline.
    ///
    /// # Panics
    ///
    /// When it fails, or the server answers with an error.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = self.command().arg("-e").args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("redis-cli: {error}. {ADVICE}"));
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "redis-cli {arguments:?}: {printed}{errors}");
        printed.strip_suffix('\n').unwrap_or(&printed).to_owned()
    }

    /// Records every command that the server executes from now on.
    pub fn monitor(&self) -> Monitor {
        let mut process =
            Service::run(self.command().arg("MONITOR").stdout(Stdio::piped()).stderr(Stdio::null()), ADVICE);
        process.printed(|line| (line == "OK").then_some(()));
        Monitor(process)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if let Some(ca) = self.ca() {
            // The server may require a certificate, and accepts its own.
            command.args(["--tls", "--cacert", &ca, "--cert", &self.file(CERTIFICATE), "--key", &self.file(KEY)]);
        }
        command
    }

    /// Writes a reading in one command, as the updater does.
    pub fn write(&self, value: &str, calculated_at: &str) {
        assert_eq!(self.cli(&["MSET", "wrpi-latest", value, "wrpi-timestamp", calculated_at]), "OK");
    }

    /// Kills the server. Without persistence, all its data are lost.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it if it runs, and starts it again on the same port. Without persistence, it is empty.
    pub fn restart(&mut self) {
        self.kill();
        self.process =
            spawn(self.port_argument, self.port, &self.arguments, &self.directory).expect("the port is still free");
    }

    /// Pauses it with SIGSTOP: the kernel accepts connections, but nothing answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Undoes [`Redis::pause`].
    pub fn resume(&self) {
        self.process.resume();
    }
}

/// Records commands for [`Redis::monitor`].
#[derive(Debug)]
pub struct Monitor(Service);

impl Monitor {
    /// The commands so far, each with its arguments.
    pub fn commands(&self) -> Vec<Vec<String>> {
        // 1700000000.000000 [0 127.0.0.1:50000] "MSET" "wrpi-latest" "1.000"
        let arguments = |line: &String| line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        self.0.output().iter().map(arguments).filter(|command: &Vec<_>| !command.is_empty()).collect()
    }
}

fn write_certificates(directory: &TempDir, authority: &str, pair: &Pair) {
    for (name, pem) in [(CA, authority), (CERTIFICATE, &pair.certificate), (KEY, &pair.key)] {
        std::fs::write(directory.path().join(name), pem).unwrap();
    }
}

/// Starts a server and waits until it accepts connections at `port`. `None` if the port is in use.
fn spawn(port_argument: &str, port: u16, arguments: &[String], directory: &TempDir) -> Option<Service> {
    let mut command = Command::new("redis-server");
    command
        .args([port_argument, &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(arguments)
        .current_dir(directory.path())
        .stdout(Stdio::piped());
    let mut process = Service::run(&mut command, ADVICE);
    let is_ready = process.printed(|line| {
        let is_ready = line.contains("Ready to accept connections");
        (is_ready || line.contains("Address already in use")).then_some(is_ready)
    });
    is_ready.then_some(process)
}
