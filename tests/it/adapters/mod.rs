//! The adapters for axum, actix-web and tower.

mod attacks;
mod axum;
mod lost_signature;
mod table;
