//! The examples, run as a user runs them: what they print, what they answer, and how they end.
//!
//! `cargo test` builds the examples before this runs; with a filter such as `--test examples` it does not, and what
//! was built last is run.
#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

#[cfg(unix)]
mod azure_functions;
#[cfg(unix)]
mod event_grid;
#[cfg(unix)]
mod http;
mod inbox;
mod observe;
mod process;
mod quickstart;
#[cfg(unix)]
mod receivers;
mod registration;
#[cfg(unix)]
mod running;
