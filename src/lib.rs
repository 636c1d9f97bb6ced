//! Receive Microsoft Partner Center webhooks, and know that they are genuine.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The pipeline, in order.
#[cfg(feature = "verify")]
pub mod envelope;

#[cfg(feature = "verify")]
pub mod source;

#[cfg(feature = "verify")]
pub mod chain;

#[cfg(feature = "receiver")]
pub mod signers;

#[cfg(feature = "verify")]
pub mod signature;

#[cfg(feature = "event")]
pub mod event;

#[cfg(feature = "receiver")]
pub mod receiver;

#[cfg(feature = "receiver")]
pub mod error;

// What it stands on.
#[cfg(feature = "receiver")]
pub mod body;

pub mod cloud;

#[cfg(feature = "verify")]
pub mod crypto;

mod excerpt;

#[cfg(feature = "http-client")]
pub mod http_client;

#[cfg(all(feature = "receiver", feature = "tracing"))]
mod trace;
#[cfg(all(feature = "receiver", not(feature = "tracing")))]
#[path = "trace_off.rs"]
mod trace;

// Who calls it.
#[cfg(feature = "axum")]
pub mod axum;

// Beside it.
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "receiver")]
pub use error::{Error, ErrorKind};
#[cfg(feature = "event")]
pub use event::{Event, EventName};
pub use excerpt::Excerpt;
#[cfg(feature = "receiver")]
pub use receiver::{Received, Receiver};
