//! Receive Microsoft Partner Center webhooks, and know that they are genuine.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "event")]
pub mod event;

mod excerpt;
pub use excerpt::Excerpt;
