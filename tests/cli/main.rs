//! The program, run as a user runs it: what it prints, how it ends, and what it leaves behind.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

#[cfg(unix)]
mod browser;
mod contract;
mod demo;
mod doctor;
#[cfg(unix)]
mod emulate;
mod event_grid;
#[cfg(unix)]
mod event_grid_receive;
#[cfg(unix)]
mod every_command;
#[cfg(unix)]
mod forward;
mod http;
mod microsoft;
#[cfg(unix)]
mod page;
mod process;
#[cfg(unix)]
mod receive;
mod register;
#[cfg(unix)]
mod running;
mod signature;
#[cfg(unix)]
mod transcripts;
mod verify;
