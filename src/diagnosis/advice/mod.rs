//! What would change a refusal, and what that would weaken.

mod fetching;
mod path;
mod refusal;
mod remedy;

pub(super) use refusal::{Findings, to_obtain, to_trust};
pub use remedy::Advice;
