//! The base of every fake: an HTTP server on loopback that records requests and injects faults, and the engine that delivers.
//!
//! A fake implements [`State`](server::State); one that sends requests implements [`Deliverer`](deliveries::Deliverer) too.

pub(super) mod client;
pub(super) mod deliveries;
pub(super) mod fault;
pub(super) mod request;
pub(super) mod response;
pub(super) mod server;
