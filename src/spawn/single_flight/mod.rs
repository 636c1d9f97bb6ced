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
//!   spawner's clock measures the cool-down, too, so that setting the clock back does not prolong it.
//! - Waiters leave after a time (*patience*); the work goes on.
//! - No lock is held while foreign code runs: work, wakers, destructors. Clones of outcomes are the exception.
//!
//! `tests/single_flight.rs` checks this with loom, in every interleaving with up to three preemptions.
//!
//! # Who uses it
//!
//! | work | key | deadline | patience | cool-down |
//! |---|---|---|---|---|
//! | fetch of a signing certificate | certificate URL | 23 s | 5 s, or as set | 5 s, at most 15 s |
//! | check of its revocation lists | certificate URL | 30 s | 30 s | 5 s, at most 15 s |
//! | an issuer's certificate, a revocation list | its URL | 10 s | 10 s | 5 s, at most 15 s |
//! | an access token | scope | 60 s | 60 s | none |
//!
//! The fifth user fetches the keys of Microsoft Entra, to verify tokens of Event Grid.
//!
//! # Parts
//!
//! - `board`: what is under way and what has failed, by key, under one lock that is held for a few map operations.
//! - `flight`: one piece of work and its waiters. It knows neither keys nor failures.
//! - `failure`: how long a failure counts.
//! - `moment`: a time by two clocks, the caller's and the spawner's.
//! - `within`: a part of some work, under a deadline of its own.
//!
//! # How work ends
//!
//! Exactly one of these happens, and each wakes the waiters: it returns, it panics (caught), its spawner drops it at the deadline,
//! its runtime is shut down, or it is overdue and the next caller ends it. The last one serves callers that drive the work
//! themselves, and spawners that fail to keep a deadline.

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
