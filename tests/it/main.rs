//! The pipeline from outside: what is accepted, and beside each the twins that are refused.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and what cannot be tested is skipped aloud"
)]

mod activation;
mod adapter_attacks;
mod adapters;
mod answers;
mod attacks;
mod authorities;
mod authority_attacks;
mod axum;
mod bodies;
mod bundle;
mod chain;
mod claims;
mod cloud_event;
mod credentials;
mod diagnosis;
mod duplicates;
mod emulator;
mod envelope;
mod errors;
mod event_grid;
mod event_grid_attacks;
mod event_grid_delivery;
mod event_grid_receive;
mod event_grid_tokens;
mod field;
mod fronts;
mod layout;
mod location;
mod logs;
mod lost_signature;
mod management;
mod management_quirks;
mod microsoft;
mod partner_center;
mod pki;
mod receiver;
mod registration;
mod registration_attacks;
mod resources;
mod revocation;
mod revocation_list;
mod signer_life;
mod signer_year;
mod signers;
mod signing;
mod support;
mod tokens;
