//! Publishing to a partner namespace.

mod address;
mod batch;
mod error;

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{CloudEvent, Credential, QUERY};
use crate::api::{Api, ApiResponse, Call, RetryPolicy, Service};
use crate::http_client::HttpClient;
use crate::json_response::Unreadable;

pub use address::{ChannelName, ChannelNameError, PublishEndpoint, PublishEndpointError};
pub use batch::BatchLimits;
use batch::{Batch, Batches};
pub use error::{Accepted, Failure, NotAccepted, PublishError};

/// The namespace routes by channel name (`ChannelNameHeader`): each request says for which channel it is.
#[derive(Clone, Copy, Debug)]
pub struct ByChannelName(());

/// The namespace routes by source (`SourceEventAttribute`): each event goes where its source says.
#[derive(Clone, Copy, Debug)]
pub struct BySource(());

/// Publishes events to a partner namespace. Cheap to clone.
///
/// How a namespace routes is chosen when it is made, and never changes; so there are two kinds of publisher, and what one
/// does the other cannot do.
///
/// Events go in as few requests as the [limits](BatchLimits) allow, one after the other and in order. A request is repeated
/// as it was, with the same ids of events, after 408, 429, 5xx and where there was no answer, as the [`RetryPolicy`] says;
/// so an event may be accepted twice, and receivers know it by its source and id. Redirects are not followed, wherever they
/// lead: key and events would go along.
///
/// # Source
///
/// "Publish events to Azure Event Grid partner namespace topics"; "Azure Event Grid data plane REST API", version
/// 2018-01-01; the requests of Microsoft's own clients.
///
/// # Example: routing by source
///
/// ```no_run
/// # #[cfg(feature = "reqwest")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::event_grid::{CloudEvent, Credential, PublishEndpoint, Publisher};
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::token::{Application, ClientCredentials};
///
/// let http = ReqwestClient::new()?;
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", std::env::var("SECRET")?)?;
/// let tokens = ClientCredentials::new(application, http.clone());
/// let endpoint = PublishEndpoint::new("https://contoso.westeurope-1.eventgrid.azure.net/api/events")?;
/// let publisher = Publisher::by_source(endpoint, Credential::bearer(tokens), http);
///
/// let event = CloudEvent::new("/contoso/fabrikam", "Contoso.Billing.InvoiceReady")?;
/// if let Err(error) = publisher.publish([event]).await {
///     for failure in error.failures() {
///         eprintln!("{}: {}", failure.event.id(), failure.error); // what is not here was accepted
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Publisher<R> {
    api: Api,
    limits: BatchLimits,
    routing: PhantomData<R>,
}

impl Publisher<ByChannelName> {
    /// Publishes to the channels of a namespace that routes by channel name.
    pub fn by_channel_name(
        endpoint: PublishEndpoint,
        credential: impl Into<Credential>,
        client: impl HttpClient + 'static,
    ) -> Self {
        Self::new(endpoint, credential.into(), client)
    }

    /// Publishes `events` to `channel`.
    ///
    /// They are taken one by one, as there is room for them, and must come to an end; they can be events or references to
    /// such. The future may be dropped, and then nobody knows what was accepted.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] with each event that was not accepted, and why. Where a request is refused for what is in it (400,
    /// 413), the others are sent all the same; after any other failure, no more.
    pub async fn publish<E: Borrow<CloudEvent>>(
        &self,
        channel: &ChannelName,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Accepted, NotAccepted<E>> {
        // A channel's name is what a header may hold.
        let value = HeaderValue::from_str(channel.as_str());
        let header = value.ok().map(|value| (CHANNEL, value));
        self.publish_with(header.as_slice(), events).await
    }
}

impl Publisher<BySource> {
    /// Publishes to a namespace that routes by source.
    pub fn by_source(
        endpoint: PublishEndpoint,
        credential: impl Into<Credential>,
        client: impl HttpClient + 'static,
    ) -> Self {
        Self::new(endpoint, credential.into(), client)
    }

    /// Publishes `events`, each to the channel that has its source. An event whose source no channel has is accepted too,
    /// and dropped. Otherwise as the publisher [by channel name](Publisher::<ByChannelName>::publish) does.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] with each event that was not accepted, and why.
    pub async fn publish<E: Borrow<CloudEvent>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Accepted, NotAccepted<E>> {
        self.publish_with(&[], events).await
    }
}

impl<R> Publisher<R> {
    fn new(
        endpoint: PublishEndpoint,
        Credential(authorizer): Credential,
        client: impl HttpClient + 'static,
    ) -> Self {
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
            routing: PhantomData,
        }
    }

    /// Replaces how requests are repeated, and how long each may take with its repetitions.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Replaces how much goes into one request.
    #[must_use]
    pub fn with_limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
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
            let error = match self.api.send(&call, self.api.deadline(), judge).await {
                Ok(()) => {
                    accepted.events = accepted.events.saturating_add(events.len());
                    accepted.requests = accepted.requests.saturating_add(1);
                    continue;
                }
                Err(error) => error,
            };
            let is_for_what_is_in_it = error.status().is_some_and(|it| CONTENT.contains(&it));
            let error = Arc::new(PublishError::from(error));
            failures.extend(
                events
                    .into_iter()
                    .map(|event| failure(event, Arc::clone(&error))),
            );
            if !is_for_what_is_in_it {
                failures.extend(batches.rest().map(not_sent));
                break;
            }
        }
        match failures.is_empty() {
            true => Ok(accepted),
            false => {
                // Those that were not sent are known before those that were.
                failures.sort_by_key(|failure| failure.index);
                Err(NotAccepted { accepted, failures })
            }
        }
    }
}

fn failure<E>((index, event): (usize, E), error: impl Into<Arc<PublishError>>) -> Failure<E> {
    Failure {
        event,
        index,
        error: error.into(),
    }
}

/// An event whose turn did not come.
fn not_sent<E: Borrow<CloudEvent>>((index, event): (usize, E)) -> Failure<E> {
    let error = match event.borrow().check() {
        Ok(()) => PublishError::NotSent,
        Err(error) => PublishError::Event(error),
    };
    failure((index, event), error)
}

/// Anything but 200 would be the answer of something that is not Event Grid.
fn judge(response: &ApiResponse) -> Result<(), Unreadable> {
    match response.status {
        StatusCode::OK => Ok(()),
        _ => Err("expected 200".into()),
    }
}

fn general_advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "redirects are not followed, because key and events would be sent along",
        401 => {
            "the key, signature or token was refused: it may be of another namespace, or have ended"
        }
        403 => {
            "a firewall of the namespace, public access that is off, or the role EventGrid Data Sender that is missing"
        }
        404 => "the namespace, or something in it, does not exist",
        _ => "",
    }
}

impl<R> Clone for Publisher<R> {
    fn clone(&self) -> Self {
        Self {
            api: self.api.clone(),
            limits: self.limits,
            routing: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Publisher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("api", &self.api)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
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

const CHANNEL: HeaderName = HeaderName::from_static("aeg-channel-name");

/// Also for one event, as Microsoft's own clients do.
const BATCH: HeaderValue =
    HeaderValue::from_static("application/cloudevents-batch+json; charset=utf-8");

/// Statuses that judge what is in a request, and nothing else.
const CONTENT: [StatusCode; 2] = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
