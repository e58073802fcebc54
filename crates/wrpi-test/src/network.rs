//! A network of a test's own, with name servers that a test can break. Needs `make network-test`, which runs the tests as
//! root of a network and mount namespace.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::{Service, eventually};

/// An address from which nothing comes back: packets to it are lost.
pub const SILENT: &str = "10.88.0.9";

/// The network and mount namespaces of the calling thread, and of all threads and processes that it starts from now on.
/// They have the loopback interface, an address that never answers, and their own configuration of the resolver.
#[derive(Debug)]
pub struct Network {
    directory: TempDir,
}

impl Network {
    /// Moves the calling thread into new namespaces. At first, no name server is configured, and `/etc/hosts` is empty.
    ///
    /// # Panics
    ///
    /// When this is not permitted, with advice.
    pub fn enter() -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("new namespaces: run this by `make network-test`");
        for arguments in [
            "link set lo up",
            "link add lost0 type veth peer name lost1",
            "address add 10.88.0.1/24 dev lost0",
            "link set lost0 up",
            "link set lost1 up",
            // Without a neighbor, the kernel would soon report that the host is unreachable.
            "neighbor add 10.88.0.9 lladdr 02:00:00:00:00:09 dev lost0",
        ] {
            ip(arguments);
        }
        let network = Self { directory: TempDir::new().unwrap() };
        for (name, text) in [("resolv.conf", ""), ("hosts", ""), ("nsswitch.conf", "hosts: files dns\n")] {
            network.write(name, text);
            let file = network.directory.path().join(name);
            run(Command::new("mount").arg("--bind").arg(file).arg(format!("/etc/{name}")));
        }
        network
    }

    /// Sets the name servers, in the order in which the resolver asks them.
    pub fn set_nameservers(&self, addresses: &[&str]) {
        let lines: Vec<_> = addresses.iter().map(|address| format!("nameserver {address}\n")).collect();
        self.write("resolv.conf", &lines.concat());
    }

    /// Replaces the text of `/etc/hosts`.
    pub fn set_hosts(&self, text: &str) {
        self.write("hosts", text);
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }
}

/// Runs `ip` with these arguments, separated by spaces.
///
/// # Panics
///
/// When it fails.
pub fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// A name server (`dnsmasq`) on port 53, killed on drop. It knows nothing but its own names: others do not exist.
#[derive(Debug)]
pub struct Nameserver {
    _process: Service,
}

impl Nameserver {
    /// Starts a server at `address` that knows these names. A name can have several addresses, each in a pair of its own.
    ///
    /// # Panics
    ///
    /// When `dnsmasq` is missing or does not start.
    pub fn start(address: Ipv4Addr, names: &[(&str, &str)]) -> Self {
        let mut command = Command::new("dnsmasq");
        // Debian installs it in a directory that is not on every user's PATH.
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        // The debug mode keeps the user: in a user namespace, a process cannot change its groups.
        command.args(["--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--bind-interfaces"]);
        command.arg("--local=/#/");
        command.arg(format!("--listen-address={address}"));
        command.args(names.iter().map(|(name, address)| format!("--host-record={name},{address}")));
        let mut process = Service::run(command.stderr(Stdio::piped()), "`make network-test` installs it.");
        process.printed(|line| line.contains("started, version").then_some(()));
        eventually(|| UdpSocket::bind((address, 53)).is_err(), |is_taken| *is_taken);
        Self { _process: process }
    }
}
