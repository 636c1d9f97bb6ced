//! Callbacks whose body still comes: no more of it is read than the limit, and nothing for headers that are refused.

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::HeaderMap;

use super::{Received, Receiver, announced};
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
        let envelope = self.settings.reader.from_headers(headers);
        let announced = announced(headers);
        let admitted = self.admit_envelope(envelope, announced, announced)?;
        admitted.receive_stream(body).await
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
        let (envelope, announced) = self.read_pairs(pairs);
        let admitted = self.admit_envelope(envelope, announced, announced)?;
        admitted.receive_stream(body).await
    }
}
