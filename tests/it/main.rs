//! The one integration binary: the program as people run it, and rules about the source tree.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test, also in helpers")]

mod support;

mod cli;
mod cli_batch;
mod cli_demo;
mod cli_device;
mod cli_refusals;
mod memory;
mod tidy;
mod worker_process;
