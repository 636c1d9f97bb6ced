//! The crate from outside: what is accepted, and beside each the twins that are refused. The modules are those of `src` (`event` is in
//! `tests/event.rs`), with `adapters`, `field` (inputs from public reports), `layout` and `support`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and what cannot be tested is skipped aloud"
)]

mod adapters;
mod chain;
mod crypto;
mod diagnosis;
mod duplicates;
mod envelope;
mod event_grid;
mod field;
mod layout;
mod receiver;
mod registration;
mod resources;
mod signers;
mod source;
mod support;
mod testing;
mod token;
