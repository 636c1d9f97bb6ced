//! Azure Event Grid Partner Events: the resources that carry a partner's events into its customers' subscriptions.
//!
//! [`manage`] creates, reads, changes and deletes them.

pub mod manage;
