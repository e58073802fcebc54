//! Tests that need a network of their own: `make network-test`. Each begins with `Network::enter`, which moves the thread
//! of the test into new namespaces. So tests can run side by side.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod listen;
mod resolver;
