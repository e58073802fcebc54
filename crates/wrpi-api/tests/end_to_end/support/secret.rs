//! A Secret as Kubernetes mounts it: its files are links through `..data`, which is replaced when the Secret changes.

use std::fs::{create_dir, remove_dir_all, rename, write};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use wrpi_test::Pair;

/// A mounted Secret with `tls.crt` and `tls.key`.
pub(crate) struct Secret {
    directory: TempDir,
    version: AtomicUsize,
}

impl Secret {
    pub(crate) fn mount(pair: &Pair) -> Self {
        let secret = Self { directory: TempDir::new().unwrap(), version: AtomicUsize::new(0) };
        secret.replace(pair);
        for name in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{name}"), secret.path(name)).unwrap();
        }
        secret
    }

    /// Replaces the pair in one step.
    pub(crate) fn replace(&self, pair: &Pair) {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        let name = |version| format!("..{version}");
        let new = self.path(&name(version));
        create_dir(&new).unwrap();
        write(format!("{new}/tls.crt"), &pair.certificate).unwrap();
        write(format!("{new}/tls.key"), &pair.key).unwrap();
        symlink(name(version), self.path("..data_tmp")).unwrap();
        rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if let Some(old) = version.checked_sub(1) {
            remove_dir_all(self.path(&name(old))).unwrap();
        }
    }

    /// Removes the files.
    pub(crate) fn remove(&self) {
        std::fs::remove_file(self.path("..data")).unwrap();
    }

    /// The path of the file `name`.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }
}
