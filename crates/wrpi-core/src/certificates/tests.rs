//! Files that change while they are read. Each file is a pipe, so the test decides what each read finds.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use tempfile::TempDir;
use wrpi_test::{Authority, PATIENCE};

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
    fn read(&self, found: Vec<String>) -> Result<Pair, CertificateError> {
        let (chain, key) = (self.chain(), self.key());
        // Threads that nobody joins, because a pipe waits until its other end is opened.
        thread::spawn({
            let (chain, key) = (chain.clone(), key.clone());
            move || {
                for (at, content) in found.iter().enumerate() {
                    std::fs::write(if at % 2 == 0 { &chain } else { &key }, content).unwrap();
                }
            }
        });
        let (sender, receiver) = channel();
        thread::spawn(move || sender.send(Pair::read(&chain, &key)));
        receiver.recv_timeout(PATIENCE).expect("as many reads as contents")
    }
}

#[test]
fn a_pair_that_is_replaced_while_it_is_read_is_the_new_one() {
    let [old, new] = [(); 2].map(|()| Authority::new().issue("wrpi.example"));
    let found = [&old.certificate, &new.key, &new.certificate, &new.key, &new.certificate].map(Clone::clone);
    let pipes = Pipes::new();
    let pair = pipes.read(found.to_vec()).unwrap();
    assert_eq!((pair.chain(), pair.key()), (new.certificate.as_bytes(), new.key.as_bytes()));
    pair.parse().unwrap();
}

#[test]
fn a_certificate_that_never_stays_the_same_is_an_error() {
    let found = (0..=2 * READS).map(|read| read.to_string()).collect();
    let pipes = Pipes::new();
    let error = pipes.read(found).unwrap_err().to_string();
    assert_eq!(error, format!("{:?} changes while it is read", pipes.chain()));
}
