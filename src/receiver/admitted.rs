//! Admitted headers, bound to the receiver that admitted them.

use bytes::{Buf, Bytes};
use futures_util::Stream;

use super::error::Error;
use super::received::{Received, log_accepted, log_refusal};
use super::stages::{Headers, Stages};
use crate::body::{BodyError, check_length, stream};
use crate::envelope::{EnvelopeError, SignatureEnvelope};
use crate::signature::{SignatureError, VerifiedBody};
use crate::source::CertificateUrl;

/// Headers with an accepted algorithm, an allowed certificate URL and a well-formed signature.
///
/// Made by [`Receiver::admit`](super::Receiver::admit) before the body is read, and bound to that receiver: another one may have
/// other settings.
///
/// # Example
///
/// ```
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
/// let admitted = receiver.admit(&callback.headers)?; // before the body is read
/// let received = admitted.receive(&callback.body).await?;
/// assert_eq!(received.body().as_bytes(), callback.body);
/// assert_eq!(admitted.verify("{}").await.unwrap_err().status().as_u16(), 401);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Admitted<'h> {
    stages: &'h Stages,
    envelope: SignatureEnvelope<'h>,
    url: CertificateUrl<'h>,
    announced: Option<usize>,
}

impl<'h> Admitted<'h> {
    /// Admits `headers`. `length` is that of the body, if it is known or announced: a body that is too long is refused first, and
    /// an empty one without a signature is refused as empty.
    pub(super) fn new(
        stages: &'h Stages,
        headers: Headers<'h>,
        length: Option<usize>,
    ) -> Result<Self, Error> {
        let limit = stages.settings.body_limit;
        let length = length.map_or(Ok(()), |length| check_length(length, limit));
        let envelope = match (length, headers.envelope) {
            (Err(error @ BodyError::TooLong { .. }), _)
            | (Err(error), Err(EnvelopeError::MissingSignature { .. })) => Err(error.into()),
            (_, envelope) => envelope.map_err(Error::from),
        };
        let envelope = envelope.map_err(log_refusal)?;
        let location = &stages.settings.location;
        let url = location
            .check(envelope.certificate_url())
            .map_err(|error| log_refusal(error.into()))?;
        Ok(Self { stages, envelope, url, announced: headers.announced })
    }

    /// The content of the signature headers.
    pub fn envelope(&self) -> &SignatureEnvelope<'h> {
        &self.envelope
    }

    /// The certificate URL, in canonical form.
    pub fn certificate_url(&self) -> &CertificateUrl<'h> {
        &self.url
    }

    /// The `Content-Length` in bytes, if it is present and a number. It is not signed.
    pub fn announced_length(&self) -> Option<usize> {
        self.announced
    }

    /// Verifies the body and reads its event. See [`Receiver::receive`](super::Receiver::receive).
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn receive<B: AsRef<[u8]>>(&self, body: B) -> Result<Received<B>, Error> {
        Received::read(self.verify_quietly(body).await?)
    }

    /// Verifies the body without reading its event. See [`Receiver::verify`](super::Receiver::verify).
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn verify<B: AsRef<[u8]>>(&self, body: B) -> Result<VerifiedBody<B>, Error> {
        let body = self.verify_quietly(body).await?;
        log_accepted(&body, None);
        Ok(body)
    }

    /// [`receive`](Self::receive), reading the body in chunks. See
    /// [`Receiver::receive_stream`](super::Receiver::receive_stream).
    ///
    /// If the announced length exceeds the limit, the body is not read at all.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn receive_stream<D: Buf, E>(
        &self,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error> {
        let body = self.read_stream(body).await?;
        self.receive(body).await
    }

    /// Reads the body, unverified, up to the limit. Logs a refusal.
    pub(crate) async fn read_stream<D: Buf, E>(
        &self,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Bytes, Error> {
        let limit = self.stages.settings.body_limit;
        if self.announced.is_some_and(|length| length > limit) {
            return Err(log_refusal(BodyError::TooLong { limit }.into()));
        }
        let body = stream::read(body, limit).await;
        body.map_err(|error| log_refusal(error.into()))
    }

    /// Verifies the body. Logs a refusal, but not a success.
    async fn verify_quietly<B: AsRef<[u8]>>(&self, body: B) -> Result<VerifiedBody<B>, Error> {
        let received = body.as_ref().len();
        let checked = check_length(received, self.stages.settings.body_limit);
        checked.map_err(|error| log_refusal(lost_if_empty(error).into()))?;
        let verified = self.stages.verify(&self.envelope, &self.url, body).await;
        verified.map_err(|error| log_refusal(self.explain(error, received)))
    }

    /// A genuine body is accepted whatever length was announced. A mismatch of a body that is shorter than announced means that it
    /// was cut short: the next delivery may verify.
    fn explain(&self, error: Error, received: usize) -> Error {
        match (&error, BodyError::cut_short(self.announced, received)) {
            (Error::Signature(SignatureError::Mismatch { .. }), Err(cut)) => cut.into(),
            _ => error,
        }
    }
}

/// An empty body is never signed, so beside a signature the body was lost in transit.
fn lost_if_empty(error: BodyError) -> BodyError {
    match error {
        BodyError::Empty => BodyError::Lost,
        error => error,
    }
}
