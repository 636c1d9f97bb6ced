//! CloudEvents 1.0 in JSON: lenient in what is read, strict in what is written.
//!
//! A receiver must not lose an event over an attribute that nobody reads, so [`CloudEvent::from_slice`] refuses only what has no
//! meaning: another version, a missing `id`, `source` or `type`, a member that occurs twice. A publisher must not send what
//! other receivers refuse, so every setter and [`CloudEvent::check`] apply the specification.
//!
//! Data and extensions stay the text that was read. So numbers keep their digits, and an event costs one pass to read and one to
//! write.

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
pub(super) use write::Unchecked;
