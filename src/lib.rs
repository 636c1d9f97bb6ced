//! Receive Microsoft Partner Center webhooks, and know that they are genuine.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "event")]
pub mod event;
#[cfg(feature = "event")]
pub use event::{Event, EventName};

mod excerpt;
pub use excerpt::Excerpt;
