//! Guards, and the life of claims.

mod claims;
mod guards;
