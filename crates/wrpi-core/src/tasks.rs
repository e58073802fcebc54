//! Tasks that run as long as the process: if one returns or panics, the process must end.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};

/// Running tasks and their names. Dropping this stops them.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A task ended that should run as long as the process.
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
    /// Starts `task`; [`TaskEnded`] calls it `name`.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(fault::injected(name, task));
        self.names.insert(handle.id(), name);
    }

    /// Completes when one of the tasks ends. Without tasks it never completes.
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

/// For tests: in a debug build, the task named in the environment variable `WRPI_PANIC` panics when it starts.
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
