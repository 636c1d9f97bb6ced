//! The examples, run as a user runs them: what they print, what they answer, and how they end.
//!
//! `cargo test` builds the examples before this runs; with a filter such as `--test examples` it does not, and what
//! was built last is run.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

#[cfg(unix)]
mod azure_functions;
mod doctor;
mod event_grid_publish;
#[cfg(unix)]
mod event_grid_receive;
#[cfg(unix)]
mod forward;
#[cfg(unix)]
mod http;
mod inbox;
mod microsoft;
mod observe;
#[cfg(unix)]
mod partner_center;
mod process;
mod quickstart;
#[cfg(unix)]
mod receive;
mod registration;
#[cfg(unix)]
mod running;
mod verify_callback;
