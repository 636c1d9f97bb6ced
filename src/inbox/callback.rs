//! What an inbox stores.

use bytes::{Buf, Bytes};
use futures_util::Stream;
use rustls_pki_types::CertificateDer;

use super::evidence::SignatureEvidence;
use crate::event::Event;
use crate::receiver::{Admitted, Error, Receiver};
use crate::signature::{BodyDigest, VerifiedBody};

/// A genuine callback and the evidence for it. Only verification creates one, so an inbox stores nothing else.
///
/// The body need not be an event: a genuine body that this program cannot read is stored too, because a later version may read it.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::inbox::VerifiedCallback;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
///
/// let request = signer.callback(r#"["genuine", "and not an event"]"#)?;
/// let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
/// assert!(callback.event().is_none());
/// assert_eq!(callback.evidence().algorithm.as_str(), "rsa-sha256");
///
/// let forged = VerifiedCallback::receive(&receiver, &request.headers, "[]").await.unwrap_err();
/// assert_eq!(forged.status().as_u16(), 401);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifiedCallback {
    body: VerifiedBody<Bytes>,
    event: Option<Event>,
    evidence: SignatureEvidence,
    chain_id: [u8; 32],
    is_ignored: bool,
}

impl VerifiedCallback {
    /// Verifies a callback. See [`Receiver::verify`] for `headers` and `body`.
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event). Respond with its [`status`](Error::status).
    pub async fn receive<'h, N, V>(
        receiver: &Receiver,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: impl Into<Bytes>,
    ) -> Result<Self, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let body = body.into();
        let admitted = receiver.admit_sized(headers, Some(body.len()))?;
        Self::verify(receiver, &admitted, body).await
    }

    /// [`receive`](Self::receive), reading the body in chunks. See [`Receiver::receive_stream`].
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn receive_stream<'h, N, V, D, E>(
        receiver: &Receiver,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Self, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
        D: Buf,
    {
        let admitted = receiver.admit_sized(headers, None)?;
        let body = admitted.read_stream(body).await?;
        Self::verify(receiver, &admitted, body).await
    }

    pub(super) async fn verify(
        receiver: &Receiver,
        admitted: &Admitted<'_>,
        body: Bytes,
    ) -> Result<Self, Error> {
        let body = admitted.verify(body).await?;
        let envelope = admitted.envelope();
        let signer = body.signer();
        let mut certificates = vec![signer.certificate().clone()];
        certificates.extend(signer.issuers().iter().cloned());
        let evidence = SignatureEvidence::new(
            envelope.signature().to_vec(),
            envelope.algorithm(),
            envelope.certificate_url().to_owned(),
            certificates,
            receiver.now(),
        );
        let chain_id = signer.backend().sha256(&concatenated(&evidence.certificates));
        let event = Event::from_slice(body.as_bytes()).ok();
        Ok(Self { body, event, evidence, chain_id, is_ignored: false })
    }

    /// To be stored as [`Ignored`](super::State::Ignored): it is kept, and not handled. An operator can retry it, for example when a
    /// new version handles its event.
    pub fn ignored(mut self) -> Self {
        self.is_ignored = true;
        self
    }

    /// Whether it is [only to be kept](Self::ignored).
    pub fn is_ignored(&self) -> bool {
        self.is_ignored
    }

    /// The body.
    pub fn body(&self) -> &VerifiedBody<Bytes> {
        &self.body
    }

    /// SHA-256 of the body: the key under which an inbox stores it.
    pub fn digest(&self) -> BodyDigest {
        self.body.digest()
    }

    /// The event; `None` if the body is genuine and not an event.
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref()
    }

    /// The evidence.
    pub fn evidence(&self) -> &SignatureEvidence {
        &self.evidence
    }

    /// SHA-256 of the certificates of the evidence. One signer signs for months, so an engine stores its certificates once, under
    /// this key.
    pub fn chain_id(&self) -> &[u8; 32] {
        &self.chain_id
    }
}

/// The certificates, one after the other: each names its own length.
fn concatenated(certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    certificates.iter().flat_map(|certificate| certificate.iter().copied()).collect()
}
