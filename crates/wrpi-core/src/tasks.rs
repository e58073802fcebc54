//! Tasks that must run as long as the process does: one that ends, or panics, must end the process.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};

/// Running tasks and their names. They are stopped when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A task has ended that never should.
#[derive(Debug, thiserror::Error)]
pub enum TaskEnded {
    /// It returned.
    #[error("the {0} ended")]
    Returned(&'static str),
    /// It panicked.
    #[error("the {0} failed: {1}")]
    Panicked(&'static str, JoinError),
}

impl Tasks {
    /// Starts `task`, which is called `name` when it ends.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(fault::injected(name, task));
        self.names.insert(handle.id(), name);
    }

    /// Completes when one of the tasks ends. Without tasks it never does.
    pub async fn ended(&mut self) -> TaskEnded {
        let ended = match self.running.join_next_with_id().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        };
        let name = |id| self.names.get(&id).copied().unwrap_or("task");
        match ended {
            Ok((id, ())) => TaskEnded::Returned(name(id)),
            Err(error) => TaskEnded::Panicked(name(error.id()), error),
        }
    }
}

/// In a debug build, the environment variable `WRPI_PANIC` names a task that panics at once, for tests.
#[cfg(debug_assertions)]
mod fault {
    pub(super) async fn injected(name: &'static str, task: impl Future<Output = ()>) {
        assert_ne!(std::env::var("WRPI_PANIC").as_deref(), Ok(name), "injected by WRPI_PANIC");
        task.await;
    }
}

#[cfg(not(debug_assertions))]
mod fault {
    pub(super) fn injected<F>(_: &'static str, task: F) -> F {
        task
    }
}
