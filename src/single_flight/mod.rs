//! Work that is done once however many ask for it: joined, started, remembered when it fails, and spaced.
//!
//! ```text
//!            join_or_start                     the work ends
//!   idle ───────────────────► under way ──────────────────────► idle         success
//!    ▲                          │    │                            │
//!    │                          │    └───────► cooling ◄──────────┘         failure, panic, deadline
//!    │   cool-down is over      │ patience     │
//!    └──────────────────────────┼──────────────┘
//!                               ▼
//!                             late: those who wait leave, the work goes on
//! ```
//!
//! - An attempt is recorded when it starts. It runs in a task of its own ([`Spawn`]) under a deadline; who hangs up, times out
//!   or panics changes nothing.
//! - A failure is remembered for a cool-down that grows with each failure in a row. Meanwhile it is the answer. The spawner
//!   measures it, too: a clock that is set back does not make it longer.
//! - Those who wait leave after a time (*patience*); the work does not.
//! - No lock is held while somebody's code runs: work, clones of outcomes apart, wakers, destructors.
//!
//! `tests/single_flight.rs` checks this with loom, under every order of steps with up to three preemptions.

mod board;
mod flight;
mod moment;
mod primitives;
#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
mod within;

#[cfg(feature = "receiver")]
pub(crate) use board::Failure;
pub(crate) use board::{Interrupted, SingleFlight, Start, Times};
#[cfg(feature = "receiver")]
pub(crate) use flight::Waiter;
#[cfg(feature = "receiver")]
pub(crate) use moment::Moment;
#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
pub(crate) use within::within;
