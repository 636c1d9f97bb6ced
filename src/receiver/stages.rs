//! The stages in order, over the settings and the signers of one receiver.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use rustls_pki_types::UnixTime;

use super::error::Error;
use crate::envelope::{EnvelopeError, SignatureAlgorithm, SignatureEnvelope};
use crate::signature::{SignatureError, VerifiedBody};
use crate::signers::{SignerSet, Signers};
use crate::source::{CertificateLocation, CertificateUrl};

/// What clones of a receiver share.
#[derive(Clone)]
pub(super) struct Stages {
    pub(super) settings: Arc<Settings>,
    pub(super) signers: Signers,
}

pub(super) struct Settings {
    /// In bytes.
    pub(super) body_limit: usize,
    /// The time since 1970.
    pub(super) clock: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(super) location: CertificateLocation,
    /// The accepted ones.
    pub(super) algorithms: Box<[SignatureAlgorithm]>,
    pub(super) warm_up_urls: Vec<Box<str>>,
}

/// The headers that matter.
pub(super) struct Headers<'h> {
    pub(super) envelope: Result<SignatureEnvelope<'h>, EnvelopeError>,
    /// The `Content-Length`, if it is a number. Anything else is the server's responsibility.
    pub(super) announced: Option<usize>,
}

impl Stages {
    pub(super) fn now(&self) -> Duration {
        (self.settings.clock)()
    }

    /// Reads the headers in one pass.
    pub(super) fn read<'h, N, V>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
    ) -> Headers<'h>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let mut announced = None;
        let headers = headers.into_iter().inspect(|&(name, value)| {
            if name.as_ref().eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
                announced.get_or_insert_with(|| value.as_ref());
            }
        });
        let envelope = SignatureEnvelope::accepting(&self.settings.algorithms, headers);
        let announced = announced.and_then(|length| str::from_utf8(length).ok()?.parse().ok());
        Headers { envelope, announced }
    }

    /// Stages 2 to 4.
    pub(super) async fn verify<B: AsRef<[u8]>>(
        &self,
        envelope: &SignatureEnvelope<'_>,
        url: &CertificateUrl<'_>,
        body: B,
    ) -> Result<VerifiedBody<B>, Error> {
        // In this order: a fetch that started before this arrival has read its clock before.
        let arrival = self.signers.arrival();
        let now = self.now();
        let mut signers = self.signers.find_at(url, now).await?;
        let time = UnixTime::since_unix_epoch(now);
        let under = |signers: &SignerSet, body| {
            VerifiedBody::verify_under_any(body, envelope, signers.usable(time), time)
        };
        let mut body = body;
        loop {
            let mismatch: SignatureError = match under(&signers, body) {
                Ok(verified) => return Ok(verified),
                Err((returned, mismatch)) => {
                    body = returned;
                    mismatch
                }
            };
            // The certificate may have been replaced. The loop ends, because each round has a signer that was not tried. The
            // future is boxed, because it is large and seldom needed.
            let newer = self.signers.find_newer_at(url, &signers, arrival, now);
            match Box::pin(newer).await {
                Ok(Some(newer)) => signers = newer,
                Ok(None) => {
                    return Err(match self.signers.age_at(url, arrival, now) {
                        Some((ago, next)) => mismatch.under_kept(ago, next).into(),
                        None => mismatch.into(),
                    });
                }
                Err(unavailable) => return Err(Error::of_mismatch(mismatch, unavailable)),
            }
        }
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("body_limit", &self.settings.body_limit)
            .field("location", &self.settings.location)
            .field("signers", &self.signers)
            .finish_non_exhaustive()
    }
}
