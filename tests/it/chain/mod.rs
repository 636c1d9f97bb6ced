//! Stage 3: certificates, paths, policies and revocation.

mod attacks;
mod microsoft;
pub(crate) mod revocation;
mod revocation_list;
mod verifier;
