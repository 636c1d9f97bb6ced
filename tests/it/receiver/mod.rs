//! All stages together, and what a sender and an operator see.

mod bodies;
mod errors;
pub(crate) mod logs;
mod responses;
mod stages;
