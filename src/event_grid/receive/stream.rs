//! Requests whose body is a stream, and responses without the application.

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::Response;
use thiserror::Error;

use super::error::ReceiveError;
use super::receiver::{WebhookReceiver, log_refusal};
use super::request::{Notification, WebhookRequest};
use crate::body::stream;

impl WebhookReceiver {
    /// Receives a request whose body is a stream; otherwise as [`receive`](Self::receive).
    ///
    /// Everything else is checked first: the body of a refused request is not read. At most
    /// [`body_limit`](Self::body_limit) bytes are read. The caller limits how long the sender may take. The future may be
    /// dropped at any time.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: send its [`response`](ReceiveError::response).
    ///
    /// # Example: an adapter for a framework
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
    ///     let request = receiver.receive_stream(&Method::POST, Some(query), &HeaderMap::new(), body).await?;
    ///     request.into_notification()
    /// };
    ///
    /// let event = br#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered"}"#;
    /// assert_eq!(receive("code=kGZ4vN0mS2rQ8xTb", event).await?.events().len(), 1);
    ///
    /// let refused = receive("code=guess", event).await.unwrap_err();
    /// assert_eq!(refused.response().status(), 401);
    /// # Ok(()) }) }
    /// ```
    pub async fn receive_stream<'h, N, V, D: Buf, E>(
        &self,
        method: impl AsRef<str>,
        query: Option<&str>,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<WebhookRequest, ReceiveError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let admitted = self.admit(method, query, headers).await?;
        let body = stream::read(body, self.body_limit()).await;
        let body = body.map_err(|error| log_refusal(error.into()))?;
        admitted.receive(&body)
    }
}

impl WebhookRequest {
    /// The events, which the application has to respond to.
    ///
    /// # Errors
    ///
    /// [`ShortCircuit::Notice`] with the response to any other request.
    pub fn into_notification(self) -> Result<Notification, ShortCircuit> {
        // Without a default: it would be a 200, which acknowledges a request that was not read.
        let response = match self {
            Self::Deletion(deletion) => deletion.response(),
            Self::Handshake(handshake) => handshake.consent(),
            Self::Notification(notification) => return Ok(notification),
            Self::Validation(validation) => validation.consent(),
        };
        Err(ShortCircuit::Notice(response.into()))
    }
}

/// A response that is sent without calling the application. As an error it ends a handler with `?`, whether or not the request
/// was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShortCircuit {
    /// The response to a handshake or notice.
    #[error("a handshake or a notice; the response is {}", .0.status())]
    Notice(Box<Response<Bytes>>),
    /// The request was refused. The reason is for the log, not for the sender.
    #[error(transparent)]
    Refused(#[from] ReceiveError),
}

impl ShortCircuit {
    /// The response. For a refusal: the error's status, with `Retry-After` if there is one.
    pub fn response(&self) -> Response<Bytes> {
        match self {
            Self::Notice(response) => response.as_ref().clone(),
            Self::Refused(error) => error.response(),
        }
    }
}
