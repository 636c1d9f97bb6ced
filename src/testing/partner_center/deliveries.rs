//! Deliveries of callbacks, on the shared engine.
//!
//! A callback is signed when it is emitted, and retried with the same signature, unless
//! [`Quirks::signs_each_attempt`](super::Quirks::signs_each_attempt) is set. The pauses between attempts double. A forgery or a
//! replay has one attempt, because Partner Center is not its sender.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::uri::{InvalidUri, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use super::delivery::{Attempt, Delivery, Origin, Outcome, ReceiverResponse};
use super::state::State;
use crate::http_client::{HttpClient, HttpClientError};
use crate::testing::authority::SignedRequest;
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::deliveries::{Deliverer, Deliveries, NextAttempt};
use crate::testing::loopback::server::Service;

impl Deliverer for State {
    type Delivery = Delivery;
    type Error = AttemptError;

    fn deliveries(&mut self) -> &mut Deliveries<Delivery> {
        &mut self.deliveries
    }

    async fn prepare(service: &Arc<Service<Self>>) {
        service.prepare_issuer().await;
    }

    fn next_attempt(&mut self, base_url: &str, number: usize) -> Option<NextAttempt<AttemptError>> {
        // It may have been given up in the pause.
        let delivery = self.deliveries.get(number).filter(|it| it.outcome == Outcome::Pending)?;
        let signs_again = self.quirks.signs_each_attempt
            && delivery.origin.is_partner_center()
            && !delivery.attempts.is_empty();
        if signs_again || delivery.callback.is_none() {
            let signed = self.sign(base_url, delivery.body.clone());
            let delivery = self.deliveries.get_mut(number)?;
            // If signing fails, the earlier signature is kept.
            delivery.callback = signed.ok().or_else(|| delivery.callback.take());
        }
        let delivery = self.deliveries.get(number)?;
        let request = match &delivery.callback {
            Some(callback) => request(&delivery.webhook_url, callback),
            None => Err(AttemptError("the callback could not be signed".to_owned())),
        };
        let is_plain = (request.as_ref()).is_ok_and(|it| it.uri().scheme() == Some(&Scheme::HTTP));
        // Other clients add headers, such as `accept`, that the documented request does not have.
        let client: Arc<dyn HttpClient> = match &self.client {
            Some(client) if !is_plain => Arc::clone(client),
            _ => Arc::new(PlainClient),
        };
        Some(NextAttempt {
            client,
            request: Box::new(move || request),
            timeout: self.quirks.callback_timeout,
        })
    }

    fn record(
        &mut self,
        number: usize,
        took: Duration,
        response: Result<Response<Bytes>, AttemptError>,
    ) -> Option<Duration> {
        self.page.changed();
        let at = self.base.clock.now();
        let delivery = self.deliveries.get_mut(number)?;
        let response = response.map(ReceiverResponse::from).map_err(|error| error.0);
        delivery.attempts.push(Attempt { at, took, response });
        let made = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
        delivery.outcome = if delivery.attempts.last().is_some_and(Attempt::is_success) {
            match delivery.origin {
                Origin::Forgery(_) => Outcome::AcceptedForgery,
                _ => Outcome::Delivered,
            }
        } else if !delivery.origin.is_partner_center() {
            Outcome::Refused
        } else if made < self.quirks.delivery_attempts {
            Outcome::Pending
        } else {
            Outcome::Offline
        };
        (delivery.outcome == Outcome::Pending).then(|| self.quirks.pause_after(made))
    }
}

/// Why an attempt had no response.
pub(super) struct AttemptError(String);

impl From<HttpClientError> for AttemptError {
    fn from(error: HttpClientError) -> Self {
        Self(error.to_string())
    }
}

/// The request of a callback, as documented.
fn request(webhook_url: &str, callback: &SignedRequest) -> Result<Request<Bytes>, AttemptError> {
    let mut request = Request::new(callback.body.clone());
    *request.method_mut() = Method::POST;
    *request.uri_mut() =
        webhook_url.parse().map_err(|error: InvalidUri| AttemptError(error.to_string()))?;
    *request.headers_mut() = sent_headers(callback);
    Ok(request)
}

/// The headers of a callback, without those that every HTTP client adds.
pub(super) fn sent_headers(callback: &SignedRequest) -> HeaderMap {
    let mut headers = callback.headers.clone();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    headers
}
