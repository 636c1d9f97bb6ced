//! Locks, which the model checker replaces by its own (see `tests/single_flight.rs`).

pub(super) use std::sync::{Mutex, MutexGuard};
