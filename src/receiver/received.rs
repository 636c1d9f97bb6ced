//! Genuine callbacks, and the log lines about them and about refused ones.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::error::Error;
use crate::body::typed::FromVerifiedBody;
use crate::chain::VerifiedSigner;
use crate::event::Event;
use crate::log;
use crate::mask::Excerpt;
use crate::signature::{BodyDigest, VerifiedBody};

/// A genuine callback: its event, and its body as Partner Center signed it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Received<B> {
    event: Event,
    body: VerifiedBody<B>,
}

impl<B: AsRef<[u8]>> Received<B> {
    /// Reads the event of a verified body.
    pub(super) fn read(body: VerifiedBody<B>) -> Result<Self, Error> {
        let event = Event::from_slice(body.as_bytes())
            .map_err(|error| log_unreadable(error.into(), body.digest()))?;
        log_accepted(&body, Some(&event));
        Ok(Self { event, body })
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The body.
    pub fn body(&self) -> &VerifiedBody<B> {
        &self.body
    }

    /// SHA-256 of the body. It identifies repeated deliveries.
    pub fn digest(&self) -> BodyDigest {
        self.body.digest()
    }

    /// The signer of the body.
    pub fn signer(&self) -> &Arc<VerifiedSigner> {
        self.body.signer()
    }

    /// The event and the body.
    pub fn into_parts(self) -> (Event, VerifiedBody<B>) {
        (self.event, self.body)
    }
}

impl Received<Bytes> {
    /// The body as a type of the handler's choice.
    ///
    /// # Errors
    ///
    /// [`Error::Format`], which is logged.
    #[cfg_attr(
        not(any(feature = "actix-web", feature = "axum")),
        expect(dead_code, reason = "for the extractors of the adapters")
    )]
    pub(crate) fn body_as<T: FromVerifiedBody>(&self) -> Result<T, Error> {
        let body = self.body.clone().into_inner();
        T::from_verified_body(body).map_err(|error| log_unreadable(error.into(), self.digest()))
    }
}

/// An event's name for the log. It is escaped and cut only if a subscriber reads it.
struct LoggedName<'e>(&'e Event);

impl fmt::Display for LoggedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt::of(self.0.name().as_str()).fmt(f)
    }
}

pub(super) fn log_accepted<B: AsRef<[u8]>>(body: &VerifiedBody<B>, event: Option<&Event>) {
    let name = event.map(LoggedName);
    let name = name.as_ref().map(|name| -> &dyn fmt::Display { name });
    log::receiver::accepted(&body.digest(), &body.signer().fingerprint(), name);
}

/// Logs a refusal and returns it.
pub(super) fn log_refusal(error: Error) -> Error {
    log_error(error, None)
}

/// Logs that a genuine body could not be read, with its digest, and returns the error.
fn log_unreadable(error: Error, digest: BodyDigest) -> Error {
    log_error(error, Some(&digest))
}

fn log_error(error: Error, digest: Option<&dyn fmt::Display>) -> Error {
    let refused = match (error.needs_repair(), error.is_unsigned()) {
        (true, _) => log::receiver::refused_until_repair,
        (false, true) => log::receiver::refused_unsigned,
        (false, false) => log::receiver::refused,
    };
    let (kind, verdict) = (error.kind().as_str(), error.verdict().as_str());
    refused(kind, error.status().as_u16(), verdict, digest, &error);
    error
}
