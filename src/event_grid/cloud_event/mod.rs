//! CloudEvents 1.0 in JSON: lenient in what is read, strict in what is written.

mod attribute;
mod error;
mod event;
mod extension;
mod read;
#[cfg(feature = "receiver")]
mod received;
mod write;

pub use error::CloudEventError;
pub use event::CloudEvent;
pub use extension::ExtensionValue;
pub(super) use write::Unchecked;
