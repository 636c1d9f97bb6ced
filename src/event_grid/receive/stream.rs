//! Deliveries whose body still comes, and what is answered without the application.

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::{HeaderMap, Method, Response};
use thiserror::Error;

use super::error::ReceiveError;
use super::receiver::{WebhookReceiver, told};
use super::request::{Incoming, Notification};
use crate::body::stream;

impl WebhookReceiver {
    /// [`receive`](Self::receive), reading the body piece by piece.
    ///
    /// All else is judged first, and what is refused by that has no byte of its body read; any other no more than the
    /// [limit](Self::body_limit). How long the sender may take is the caller's to limit. The future may be dropped at any
    /// time.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: answer the request with its [`answer`](ReceiveError::answer).
    ///
    /// # Example: what an adapter for a framework does
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use http::{HeaderMap, Method};
    /// use partner_center_webhooks::event_grid::receive::{ShortCircuit, Notification, WebhookReceiver};
    ///
    /// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
    /// let receive = async |query, body: &'static [u8]| -> Result<Notification, ShortCircuit> {
    ///     let body = futures_util::stream::iter(body.chunks(7).map(Ok::<_, Infallible>));
    ///     let incoming = receiver.receive_stream(&Method::POST, Some(query), &HeaderMap::new(), body).await?;
    ///     incoming.into_notification()
    /// };
    ///
    /// let event = br#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered"}"#;
    /// assert_eq!(receive("code=kGZ4vN0mS2rQ8xTb", event).await?.events().len(), 1);
    ///
    /// let answered = receive("code=guess", event).await.unwrap_err();
    /// assert_eq!(answered.answer().status(), 401);
    /// # Ok(()) }) }
    /// ```
    pub async fn receive_stream<D: Buf, E>(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Incoming, ReceiveError> {
        let admitted = self.admit(method, query, headers).await?;
        let body = stream::read(body, self.body_limit()).await;
        let body = body.map_err(|error| told(error.into()))?;
        self.receive_admitted(admitted, &body)
    }
}

impl Incoming {
    /// The events, which are the application's to answer.
    ///
    /// # Errors
    ///
    /// [`ShortCircuit::Notice`] with the answer to all else.
    pub fn into_notification(self) -> Result<Notification, ShortCircuit> {
        let answer = match self {
            Self::Deletion(deletion) => deletion.answer(),
            Self::Handshake(handshake) => handshake.consent(),
            Self::Notification(notification) => return Ok(notification),
            Self::Validation(validation) => validation.consent(),
        };
        Err(ShortCircuit::Notice(answer.into()))
    }
}

/// What is answered without the application.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShortCircuit {
    /// A handshake or a notice, with its answer.
    #[error("a handshake or a notice, answered with {}", .0.status())]
    Notice(Box<Response<Bytes>>),
    /// It was refused. The reason is for the log, not for the sender.
    #[error(transparent)]
    Refused(#[from] ReceiveError),
}

impl ShortCircuit {
    /// The answer: to what was refused the error's status, and `Retry-After` where there is one.
    pub fn answer(&self) -> Response<Bytes> {
        match self {
            Self::Notice(answer) => answer.as_ref().clone(),
            Self::Refused(error) => error.answer(),
        }
    }
}
