//! Files that change while they are read. Each file is a pipe, so the test decides what each read finds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;
use wrpi_test::Authority;

use super::{CertificateError, Pair, READS};

/// Two pipes, for a certificate and a key.
struct Pipes(TempDir);

impl Pipes {
    fn new() -> Self {
        let pipes = Self(TempDir::new().unwrap());
        let made = Command::new("mkfifo").args([pipes.chain(), pipes.key()]).status().unwrap();
        assert!(made.success());
        pipes
    }

    fn chain(&self) -> PathBuf {
        self.0.path().join("chain")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key")
    }

    /// What [`Pair::read`] returns if it finds these contents, the certificate and the key in turn.
    fn read(&self, found: &[String]) -> Result<Pair, CertificateError> {
        let write = |path: &Path, content: &str| std::fs::write(path, content).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for (at, content) in found.iter().enumerate() {
                    write(&if at % 2 == 0 { self.chain() } else { self.key() }, content);
                }
            });
            Pair::read(&self.chain(), &self.key())
        })
    }
}

#[test]
fn a_pair_that_is_replaced_while_it_is_read_is_the_new_one() {
    let [old, new] = [(); 2].map(|()| Authority::new().issue("wrpi.example"));
    let found = [&old.certificate, &new.key, &new.certificate, &new.key, &new.certificate].map(Clone::clone);
    let pair = Pipes::new().read(&found).unwrap();
    assert_eq!((pair.chain(), pair.key()), (new.certificate.as_bytes(), new.key.as_bytes()));
    pair.parse().unwrap();
}

#[test]
fn a_certificate_that_never_stays_the_same_is_an_error() {
    let found: Vec<_> = (0..=2 * READS).map(|read| read.to_string()).collect();
    let pipes = Pipes::new();
    let error = pipes.read(&found).unwrap_err().to_string();
    assert_eq!(error, format!("{:?} changes while it is read", pipes.chain()));
}
