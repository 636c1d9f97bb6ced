//! The pipeline from outside: what is accepted, and beside each the twins that are refused.

mod axum;
mod bundle;
mod chain;
mod envelope;
mod errors;
mod layout;
mod location;
mod microsoft;
mod receiver;
mod signers;
mod support;
