//! Receiving at a web hook: both validation handshakes, authentication, and events in either schema.
//!
//! [`WebhookReceiver`] takes what any framework has (method, query, headers, body) and says what it is: an [`Incoming`], or a
//! [`ReceiveError`] that knows the HTTP answer. Nothing is called by itself but the tenant's keys, if tokens are checked.
//!
//! | what comes | what it is | what to answer |
//! |---|---|---|
//! | `OPTIONS` | [`Incoming::Handshake`] | [`Incoming::answer`] |
//! | `POST`, `SubscriptionValidation` | [`Incoming::Validation`] | [`Incoming::answer`] |
//! | `POST`, `Notification` | [`Incoming::Notification`] | 2xx once the events are kept, else 503 |
//! | `POST`, `SubscriptionDeletion` or `Unsubscribe` | [`Incoming::Deletion`] | [`Incoming::answer`] |
//!
//! With features `axum` and `actix-web` there are extractors (`axum::Delivery`, `actix_web::Delivery`) that leave the events
//! alone to the handler; for any other framework [`WebhookReceiver::receive_stream`] does the same.
//!
//! An event that is neither a CloudEvent nor of Event Grid's schema is [`GridEvent::Unrecognized`]: handed over with what it
//! lacks, counted ([`Notification::unrecognized_count`]), and logged as a warning.
//!
//! Event Grid gives an event up for good when it is answered 400, 401, 403 or 413, and tries all else again for up to a day.
//! [`ReceiveError::status`] is made for that.
//!
//! Undocumented, so not verified: whether handshakes bring a token or the headers of a delivery.

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod confirmation;
mod error;
mod event;
mod event_grid_event;
mod handshake;
mod receiver;
mod request;
mod secret;
mod stream;
mod token;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace_off.rs"]
mod trace;
mod unrecognized;

pub use builder::{WebhookReceiverBuilder, WebhookReceiverError};
pub use confirmation::{ConfirmationUrl, ConfirmationUrlError};
pub use error::ReceiveError;
pub use event::GridEvent;
pub use event_grid_event::EventGridEvent;
pub use handshake::{Handshake, HandshakeRefusal, Validation};
pub use receiver::{Admitted, WebhookReceiver};
pub use request::{Deletion, Incoming, Notification};
pub use secret::{SecretError, SecretRefusal};
pub use stream::ShortCircuit;
pub use token::{
    EntraTokens, EntraTokensError, ExpectedToken, KeysError, MissingRole, TokenRefusal,
    VerifiedToken,
};
pub use unrecognized::{EventProblem, UnrecognizedEvent, UnrecognizedReason};
