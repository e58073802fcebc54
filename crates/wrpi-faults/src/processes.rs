//! The binaries of the project, built beside this one.

use std::process::Command;

use wrpi_test::Service;

/// A replica of the API.
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) address: String,
    pub(crate) admin: String,
    wrapper: &'static [&'static str],
    environment: Vec<(&'static str, String)>,
}

impl Api {
    /// Starts it, by a command that becomes the API, with these variables.
    pub(crate) fn start(wrapper: &'static [&'static str], environment: &[(&'static str, String)]) -> Self {
        let mut environment = environment.to_vec();
        let any = "127.0.0.1:0".to_owned();
        environment.extend([("LISTEN_ADDR", any.clone()), ("ADMIN_ADDR", any)]);
        let mut service = spawn(wrapper, &environment);
        let (address, admin) = (service.address("public"), service.address("admin"));
        environment.extend([("LISTEN_ADDR", address.clone()), ("ADMIN_ADDR", admin.clone())]);
        Self { service, address, admin, wrapper, environment }
    }

    /// Starts it again at the same addresses, once it has ended.
    pub(crate) fn restart(&mut self) {
        self.service = spawn(self.wrapper, &self.environment);
    }

    /// Open descriptors, and KiB of memory.
    pub(crate) fn usage(&self) -> (usize, u64) {
        (self.service.descriptors(), self.service.resident_kib())
    }
}

/// Starts the updater.
pub(crate) fn spawn_updater(environment: Vec<(&'static str, String)>) -> Service {
    Service::spawn(&binary("updater"), environment)
}

fn spawn(wrapper: &[&str], environment: &[(&'static str, String)]) -> Service {
    let api = binary("wrpi-api");
    let words: Vec<&str> = wrapper.iter().copied().chain([api.as_str()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    Service::start(command, environment.iter().cloned())
}

/// A binary of the project, built beside this one.
fn binary(name: &str) -> String {
    let path = std::env::current_exe().unwrap().with_file_name(name);
    assert!(path.exists(), "{name} is not built: `make faults` builds all and runs this");
    path.into_os_string().into_string().unwrap()
}
