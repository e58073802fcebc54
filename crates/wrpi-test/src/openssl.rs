//! Certificates as users make them: with `openssl`.

use std::process::Command;

use tempfile::TempDir;

use crate::Pair;

const ADVICE: &str = "The tests need openssl 3 on PATH: `make test` installs it with apt-get; elsewhere install it with \
                      your package manager.";

/// A directory for the files of `openssl`.
#[derive(Debug)]
pub struct OpenSsl(TempDir);

impl OpenSsl {
    /// Creates an empty directory.
    #[allow(clippy::new_without_default, reason = "each directory is different, so there is no default")]
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Runs a shell script with `openssl` in the directory.
    ///
    /// # Panics
    ///
    /// When it fails, with advice.
    pub fn run(&self, script: &str) {
        let output = Command::new("sh").args(["-euc", script]).current_dir(self.0.path()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {errors}. {ADVICE}");
    }

    /// Makes a certificate of X.509 version 1 in `name.crt` and its key in `name.key`, signed by `ca.crt` and `ca.key`.
    pub fn run_version_1(&self, name: &str) {
        // OpenSSL 3.2 and newer make version 1 only if asked to, which older ones do not understand.
        self.run(&format!(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=a -keyout {name}.key -out a.csr
             openssl x509 -req -in a.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt
             if ! openssl x509 -in {name}.crt -noout -text | grep -q 'Version: 1 '; then
               printf '[req]\\ndistinguished_name=d\\n[d]\\n' >a.cnf
               openssl req -config a.cnf -x509v1 -CA ca.crt -CAkey ca.key -key {name}.key -subj /CN=a -out {name}.crt
             fi"
        ));
    }

    /// The path of the file `name`.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The content of the file `name`.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The certificate in `name.crt` and the key in `name.key`.
    pub fn pair(&self, name: &str) -> Pair {
        Pair { certificate: self.read(&format!("{name}.crt")), key: self.read(&format!("{name}.key")) }
    }
}
