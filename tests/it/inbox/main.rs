//! The durable inbox on each engine: the conformance suite, faults of the database, crashes, the worker, and the adapters.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and what cannot be tested is skipped aloud"
)]

mod adapters;
mod backlog;
mod conformance;
mod crash;
mod exactly_once;
mod faults;
mod goals;
mod guard;
mod metrics;
mod power;
mod pruner;
mod ring;
mod server;
mod support;
mod worker;
