//! How signers are found, verified, kept and refreshed.

mod cache;
pub(crate) mod evidence;
mod evidence_attacks;
mod life;
mod year;
