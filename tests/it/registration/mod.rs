//! The registration client.

mod attacks;
pub(crate) mod client;
