//! Publishing to a partner namespace.
//!
//! Requests are filled up to the limits (1 MiB, 5000 events), every event is serialized once, and ids are fixed before the
//! first attempt. Each event that was not accepted is returned with the reason.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::{AccessKey, ChannelName, CloudEvent, NotAccepted, PublishEndpoint, Publisher};
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::testing::EventGrid;
//!
//! let fake = EventGrid::start().await?; // on loopback: checks keys, signatures, limits and events
//! let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint())?; // in production: PublishEndpoint::new
//! let key = AccessKey::new(fake.access_key())?;
//! let publisher = Publisher::new(endpoint, key, ReqwestClient::new()?);
//!
//! let events = (0..10_000).map(|id| CloudEvent::new("/contoso", "Contoso.Items.Created")?.with_id(&format!("item-{id}")));
//! let events: Vec<CloudEvent> = events.collect::<Result<_, _>>()?;
//! let accepted = publisher.publish(&ChannelName::new("fabrikam")?, &events).await.map_err(NotAccepted::into_owned)?;
//! assert_eq!((accepted.events(), accepted.requests()), (10_000, 2));
//! # Ok(()) }) }
//! ```

mod address;
mod batch;
mod config_error;
mod error;

use std::borrow::Borrow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::cloud_event::CloudEvent;
use super::credential::Credential;
use crate::api::{Api, ApiResponse, Call, RetryPolicy, Service};
use crate::http_client::HttpClient;
use crate::json::response::Unreadable;

pub use address::{ChannelName, PublishEndpoint};
use batch::{Batch, BatchLimits, Batches};
pub use config_error::PublishConfigError;
pub use error::{Accepted, Failure, NotAccepted, PublishError};

/// Publishes events to a partner namespace. Cheap to clone.
///
/// The routing mode of a namespace is fixed at its creation, and decides which method publishes to it:
///
/// | routing mode | method |
/// |---|---|
/// | `ChannelNameHeader`: each request names its channel | [`publish`](Self::publish) |
/// | `SourceEventAttribute`, the legacy mode: the source of an event selects its channel | [`publish_by_source`](Self::publish_by_source) |
///
/// Events are sent in order, in as few requests as the limits allow (1 MiB and 5000 events), one at a time. A request is
/// retried unchanged, with the same event ids, after 408, 429, 5xx or if there was no response, as the [`RetryPolicy`] says. So
/// an event may be accepted twice; receivers detect duplicates by source and id. Redirects are not followed, because they would
/// forward the credential and the events.
///
/// # Source
///
/// "Publish events to Azure Event Grid partner namespace topics"; "Azure Event Grid data plane REST API", version
/// 2018-01-01; the requests of Microsoft's own clients.
///
/// # Example: access tokens, and routing by source
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::event_grid::{CloudEvent, Credential, PublishEndpoint, Publisher};
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::token::{Application, ClientCredentials};
///
/// let http = ReqwestClient::new()?;
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", std::env::var("SECRET")?)?;
/// let tokens = ClientCredentials::new(application, http.clone());
/// let endpoint = PublishEndpoint::new("https://contoso.westeurope-1.eventgrid.azure.net/api/events")?;
/// let publisher = Publisher::new(endpoint, Credential::bearer(tokens), http);
///
/// let event = CloudEvent::new("/contoso/fabrikam", "Contoso.Billing.InvoiceReady")?;
/// if let Err(error) = publisher.publish_by_source([event]).await {
///     for failure in error.failures() {
///         eprintln!("{}: {}", failure.event.id(), failure.error); // the other events were accepted
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    api: Api,
    limits: BatchLimits,
}

impl Publisher {
    /// Creates a publisher to `endpoint` that authenticates with `credential`: an [`AccessKey`](super::AccessKey), a
    /// [`SasToken`](super::SasToken) or a [`Credential`].
    pub fn new(
        endpoint: PublishEndpoint,
        credential: impl Into<Credential>,
        client: impl HttpClient + 'static,
    ) -> Self {
        let Credential(authorizer) = credential.into();
        Self {
            api: Api {
                endpoint: endpoint.into_endpoint(),
                authorizer,
                client: Arc::new(client),
                service: &SERVICE,
                retries: RetryPolicy::default(),
                headers: HeaderMap::new(),
            },
            limits: BatchLimits::default(),
        }
    }

    /// Sets the retries of requests, and the deadline of a request with its retries.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Sets the maximum length of a request's body, in bytes. Default: 1 MiB ("1 MB" in the documentation). It limits single
    /// events, too; with `usize::MAX` only the service limits them.
    ///
    /// # Source
    ///
    /// "Azure Event Grid quotas and limits". Production was seen to accept slightly more.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Sets the maximum number of events in a request, at least 1. Default: 5000.
    #[must_use]
    pub fn with_max_events(mut self, events: usize) -> Self {
        self.limits.events = events.max(1);
        self
    }

    /// Publishes `events` to `channel`.
    ///
    /// Accepts events or references to events, from a finite iterator that is consumed as batches fill. If the future is
    /// dropped, it is unknown which events were accepted.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] with each event that was not accepted and the reason. If the service refuses the contents of a request
    /// (400, 413), the other requests are still sent; any other failure stops publishing.
    pub async fn publish<E: Borrow<CloudEvent>>(
        &self,
        channel: &ChannelName,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Accepted, NotAccepted<E>> {
        // Always `Ok`: a header allows every character of a channel name.
        let value = HeaderValue::from_str(channel.as_str());
        let header = value.ok().map(|value| (CHANNEL, value));
        self.publish_with(header.as_slice(), events).await
    }

    /// Publishes `events`, each to the channel with its source. The service accepts and drops an event if no channel has its
    /// source. Otherwise as [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] with each event that was not accepted and the reason.
    pub async fn publish_by_source<E: Borrow<CloudEvent>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Accepted, NotAccepted<E>> {
        self.publish_with(&[], events).await
    }

    async fn publish_with<E: Borrow<CloudEvent>>(
        &self,
        headers: &[(HeaderName, HeaderValue)],
        events: impl IntoIterator<Item = E>,
    ) -> Result<Accepted, NotAccepted<E>> {
        let mut accepted = Accepted::default();
        let mut failures = Vec::new();
        let mut batches = Batches::new(events.into_iter(), self.limits);
        loop {
            let refuse = |index, event, error| failures.push(failure((index, event), error));
            let Some(Batch { body, events }) = batches.next(refuse) else {
                break;
            };
            let mut call = Call::new("publish events", Method::POST, QUERY);
            call.body = Some(body);
            call.content_type = BATCH;
            call.headers = headers;
            call.is_repeatable = true;
            let error = match self.api.send(&call, self.api.deadline(), expect_ok).await {
                Ok(()) => {
                    accepted.events = accepted.events.saturating_add(events.len());
                    accepted.requests = accepted.requests.saturating_add(1);
                    continue;
                }
                Err(error) => error,
            };
            let is_about_contents = error.status().is_some_and(|it| CONTENT.contains(&it));
            let error = Arc::new(PublishError::from(error));
            failures.extend(events.into_iter().map(|event| failure(event, Arc::clone(&error))));
            if !is_about_contents {
                failures.extend(batches.rest().map(not_sent));
                break;
            }
        }
        match failures.is_empty() {
            true => Ok(accepted),
            false => {
                // Events that were refused before sending come first.
                failures.sort_by_key(|failure| failure.index);
                Err(NotAccepted { accepted, failures })
            }
        }
    }
}

fn failure<E>((index, event): (usize, E), error: impl Into<Arc<PublishError>>) -> Failure<E> {
    Failure { event, index, error: error.into() }
}

/// An event that was not sent because an earlier request failed.
fn not_sent<E: Borrow<CloudEvent>>((index, event): (usize, E)) -> Failure<E> {
    let error = match event.borrow().check() {
        Ok(()) => PublishError::NotSent,
        Err(error) => PublishError::Event(error),
    };
    failure((index, event), error)
}

/// Any other success is not from Event Grid.
fn expect_ok(response: &ApiResponse) -> Result<(), Unreadable> {
    match response.status {
        StatusCode::OK => Ok(()),
        _ => Err("expected 200".into()),
    }
}

fn general_advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => {
            "redirects are not followed, because they would forward the credential and the events"
        }
        401 => {
            "the key, signature or token was refused: it may belong to another namespace, or have expired"
        }
        403 => {
            "check the namespace's firewall, its public network access, and the role EventGrid Data Sender"
        }
        404 => "the namespace, or something in it, does not exist",
        _ => "",
    }
}

/// Source: the requests of Microsoft's own clients.
static SERVICE: Service = Service {
    request_id: HeaderName::from_static("x-ms-client-request-id"),
    request_id_received: HeaderName::from_static("x-ms-request-id"),
    correlation_id: None,
    causes: &[],
    general_advice,
    is_own_code: |_, is_nested| is_nested,
    is_not_found: |_| true,
    empty_is_not_found: true,
};

/// The only version of the API for publishing.
const QUERY: &str = "?api-version=2018-01-01";

const CHANNEL: HeaderName = HeaderName::from_static("aeg-channel-name");

/// Also for a single event, as in Microsoft's own clients.
const BATCH: HeaderValue =
    HeaderValue::from_static("application/cloudevents-batch+json; charset=utf-8");

/// Statuses that refuse the contents of one request only.
const CONTENT: [StatusCode; 2] = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
