//! Headers that were judged, bound to the receiver that judged them.

use bytes::{Buf, Bytes};
use futures_util::Stream;

use super::{Received, Receiver, log_accepted, log_refusal, log_unreadable};
use crate::body::{BodyError, stream};
use crate::envelope::SignatureEnvelope;
use crate::error::Error;
use crate::event::Event;
use crate::signature::{SignatureError, VerifiedBody};
use crate::source::CertificateUrl;

/// Headers that name an acceptable algorithm and an allowed certificate URL, and hold a well-formed signature.
///
/// Made by [`Receiver::admit`] before the body is read. It is bound to that receiver: no other one, which may have other
/// settings, can be asked about these headers.
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
/// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
///
/// let admitted = receiver.admit(&callback.headers)?; // no body yet
/// let received = admitted.receive(&callback.body).await?;
/// assert_eq!(received.body().as_bytes(), callback.body);
/// assert_eq!(admitted.verify("{}").await.unwrap_err().status().as_u16(), 401);
/// # Ok(()) }) }
/// # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Admitted<'h> {
    pub(super) receiver: &'h Receiver,
    pub(super) envelope: SignatureEnvelope<'h>,
    pub(super) url: CertificateUrl<'h>,
    pub(super) announced: Option<usize>,
}

impl<'h> Admitted<'h> {
    /// What the headers say.
    pub fn envelope(&self) -> &SignatureEnvelope<'h> {
        &self.envelope
    }

    /// The certificate URL, in canonical form.
    pub fn certificate_url(&self) -> &CertificateUrl<'h> {
        &self.url
    }

    /// The length of the body in bytes as `Content-Length` announces it, if it does with a number. It is not signed.
    pub fn announced_length(&self) -> Option<usize> {
        self.announced
    }

    /// Verifies the body and reads its event. See [`Receiver::receive`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn receive<B: AsRef<[u8]>>(&self, body: B) -> Result<Received<B>, Error> {
        let body = self.prove(body).await?;
        let event = Event::from_slice(body.as_bytes())
            .map_err(|error| log_unreadable(error.into(), body.digest()))?;
        log_accepted(&body, Some(&event));
        Ok(Received { event, body })
    }

    /// Verifies the body and leaves it to the caller's own model. See [`Receiver::verify`].
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn verify<B: AsRef<[u8]>>(&self, body: B) -> Result<VerifiedBody<B>, Error> {
        let body = self.prove(body).await?;
        log_accepted(&body, None);
        Ok(body)
    }

    /// [`receive`](Self::receive), reading the body piece by piece. See [`Receiver::receive_stream`].
    ///
    /// A body that is announced as too long is not read at all.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn receive_stream<D: Buf, E>(
        &self,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error> {
        let limit = self.receiver.body_limit();
        if self.announced.is_some_and(|length| length > limit.bytes()) {
            let limit = limit.bytes();
            return Err(log_refusal(BodyError::TooLong { limit }.into()));
        }
        let body = stream::read(body, limit).await;
        let body = body.map_err(|error| log_refusal(error.into()))?;
        self.receive(body).await
    }

    async fn prove<B: AsRef<[u8]>>(&self, body: B) -> Result<VerifiedBody<B>, Error> {
        let received = body.as_ref().len();
        let checked = self.receiver.body_limit().check(received);
        checked.map_err(|error| log_refusal(signed_but(error).into()))?;
        let proven = self.receiver.prove(self, body).await;
        proven.map_err(|error| log_refusal(self.explain(error, received)))
    }

    /// A body that verifies is accepted whatever its headers announced. One that does not, and is shorter than announced, was
    /// cut short: delivered again, it may verify.
    fn explain(&self, error: Error, received: usize) -> Error {
        match (&error, BodyError::cut_short(self.announced, received)) {
            (Error::Signature(SignatureError::Mismatch { .. }), Err(cut)) => cut.into(),
            _ => error,
        }
    }
}

/// Nobody signs an empty body: with a signature beside it, it was lost on its way.
fn signed_but(error: BodyError) -> BodyError {
    match error {
        BodyError::Empty => BodyError::Lost,
        error => error,
    }
}
