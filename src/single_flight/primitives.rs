//! What the model checker replaces with its own (see `tests/single_flight.rs`).

pub(super) use std::sync::{Mutex, MutexGuard};
