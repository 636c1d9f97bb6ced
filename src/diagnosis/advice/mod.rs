//! Advice: how to change a refusal, and how that weakens the check.

mod fetching;
mod path;
mod refusal;
mod remedy;

pub(super) use refusal::{Findings, to_obtain, to_trust};
pub use remedy::Advice;
