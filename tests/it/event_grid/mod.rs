//! Event Grid: publishing, receiving and managing.

mod activation;
mod attacks;
mod cloud_event;
mod delivery;
pub(crate) mod manage;
mod manage_quirks;
mod publish;
mod receive;
pub(crate) mod receive_tokens;
