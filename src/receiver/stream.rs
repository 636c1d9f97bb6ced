//! Callbacks whose body still comes: no more of it is read than the limit, and nothing for headers that are refused.

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue};

use super::{Admitted, Received, Receiver, told};
use crate::body::stream;
use crate::envelope::{EnvelopeError, SignatureEnvelope};
use crate::error::Error;

impl Receiver {
    /// [`receive`](Self::receive), reading the body piece by piece.
    ///
    /// A body that is announced as too long, or whose headers are refused, is not read at all; any other no further than
    /// the [limit](Self::body_limit). A body of one piece is not copied. How long the sender may take is the caller's to
    /// limit. The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`Error`]: answer the request with its [`status`](Error::status).
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let signer = issuer.signer()?;
    /// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    ///
    /// let pieces = callback.body.chunks(7).map(Ok::<_, Infallible>);
    /// let body = futures_util::stream::iter(pieces);
    /// let received = receiver.receive_stream(&callback.headers, body).await?;
    /// assert_eq!(received.body().as_bytes(), callback.body);
    /// # Ok(()) }) }
    /// # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
    /// ```
    pub async fn receive_stream<D: Buf, E>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error> {
        let announced = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
        let envelope = self.settings.reader.from_headers(headers);
        let admitted = self.admit_announced(announced, envelope)?;
        self.receive_rest(&admitted, body).await
    }

    /// The same for a framework whose headers are of another type: (name, value) pairs, in any order.
    ///
    /// # Errors
    ///
    /// As [`receive_stream`](Self::receive_stream).
    pub async fn receive_stream_of_pairs<'h, N: AsRef<str>, D: Buf, E>(
        &self,
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error> {
        let mut announced = None;
        let pairs = pairs.into_iter().inspect(|(name, value)| {
            if name.as_ref().eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
                announced.get_or_insert(*value);
            }
        });
        let envelope = self.settings.reader.from_pairs(pairs);
        let admitted = self.admit_announced(announced, envelope)?;
        self.receive_rest(&admitted, body).await
    }

    fn admit_announced<'h>(
        &self,
        announced: Option<&[u8]>,
        envelope: Result<SignatureEnvelope<'h>, EnvelopeError>,
    ) -> Result<Admitted<'h>, Error> {
        // One that is no number is the server's business.
        let announced = announced.and_then(|length| str::from_utf8(length).ok()?.parse().ok());
        announced
            .map_or(Ok(()), |length| self.body_limit().check(length))
            .map_err(|error| told(error.into()))?;
        self.admit_envelope(envelope)
    }

    async fn receive_rest<D: Buf, E>(
        &self,
        admitted: &Admitted<'_>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error> {
        let body = stream::read(body, self.body_limit()).await;
        let body = body.map_err(|error| told(error.into()))?;
        self.receive_admitted(admitted, body).await
    }
}
