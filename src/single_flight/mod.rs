//! Work that runs once for all callers: joined or started, remembered when it fails, and spaced by cool-downs.
//!
//! ```text
//!            join_or_start                     the work ends
//!   idle ───────────────────► under way ──────────────────────► idle         success
//!    ▲                          │    │                            │
//!    │                          │    └───────► cooling ◄──────────┘         failure, panic, deadline
//!    │   cool-down is over      │ patience     │
//!    └──────────────────────────┼──────────────┘
//!                               ▼
//!                             late: the waiters leave, the work goes on
//! ```
//!
//! - An attempt is recorded when it starts. It runs in a task of its own (`Spawn`) under a deadline. A caller that disconnects,
//!   times out or panics does not affect it.
//! - A failure is remembered for a cool-down that grows with each failure in a row. Meanwhile callers get that failure. The
//!   spawner's clock measures the cool-down, too, so that a clock that is set back does not prolong it.
//! - Waiters leave after a time (*patience*); the work goes on.
//! - No lock is held while foreign code runs: work, wakers, destructors. Clones of outcomes are the exception.
//!
//! `tests/single_flight.rs` checks this with loom, under every order of steps with up to three preemptions.

mod board;
mod failure;
mod flight;
mod moment;
mod primitives;
#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
mod within;

pub(crate) use board::{Interrupted, SingleFlight, Start};
#[cfg(feature = "receiver")]
pub(crate) use failure::Failure;
pub(crate) use failure::Times;
#[cfg(feature = "receiver")]
pub(crate) use flight::Waiter;
#[cfg(feature = "receiver")]
pub(crate) use moment::Moment;
#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
pub(crate) use within::within;
