//! CloudEvents 1.0 in JSON: lenient in what is read, strict in what is written.
//!
//! A receiver must not lose an event because of an attribute that its application does not read. So [`CloudEvent::from_slice`]
//! does not check times, schemas, media types and extensions; it refuses another version, a missing `id`, `source` or `type`,
//! and a member that occurs twice. A publisher must not send events that other receivers refuse. So every setter and
//! [`CloudEvent::check`] apply the specification.
//!
//! Data and extensions are kept as text: numbers keep their digits, and an event is parsed once and written once.

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
