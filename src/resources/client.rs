//! The client that reads resources.

use std::sync::Arc;

use http::header::ETAG;
use http::{HeaderName, HeaderValue, Method};
use serde_json::value::RawValue;

use super::address::{Address, Target};
use super::error::ResourceError;
use super::model::ResourceModel;
use crate::api::partner_center::{GRAPH, PARTNER_CENTER, REFERRALS};
use crate::api::{Api, ApiResponse, Call, RetryPolicy, Service};
use crate::cloud::Cloud;
use crate::event::Event;
use crate::http_client::HttpClient;
use crate::http_client::endpoint::{Endpoint, EndpointError};
use crate::token::TokenProvider;

/// Reads the resources of events. Cheap to clone.
///
/// [`new`](Self::new) takes the tokens for Partner Center. Microsoft Graph (delegated admin relationships) and the referrals
/// API are on other hosts, with other tokens: pass their providers to [`with_graph`](Self::with_graph) and
/// [`with_referrals`](Self::with_referrals). One provider can serve all three, because each request names the audience.
///
/// # Source
///
/// "Partner Center webhook events", and the page of each resource.
///
/// # Example
///
/// ```no_run
/// # use partner_center_webhooks::event::Event;
/// # use partner_center_webhooks::token::TokenProvider;
/// # async fn example(event: &Event, tokens: impl TokenProvider + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::resources::{ResourceClient, ResourceModel};
///
/// let tokens = Arc::new(tokens);
/// let client = ResourceClient::new(&Cloud::Global, ReqwestClient::new()?, tokens.clone())?
///     .with_graph(tokens.clone())?
///     .with_referrals(tokens, "https://api.partner.microsoft.com/.default")?;
/// let fetched = client.fetch(event).await?;
/// match fetched.model() {
///     ResourceModel::Subscription(subscription) => println!("{:?}", subscription.status),
///     _ => println!("{}", fetched.json()),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ResourceClient {
    cloud: Cloud,
    partner_center: Api,
    graph: Option<Api>,
    referrals: Option<Api>,
    has_new_fraud_events: bool,
}

impl ResourceClient {
    /// Reads resources of `cloud` through `client`, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if tokens must not be sent to its base URL; only a [`Cloud::Custom`] can have one.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::of_cloud(cloud, cloud.api_base())?;
        let scope = format!("{}/.default", cloud.token_audience());
        let mut partner_center =
            Api::new(endpoint, &PARTNER_CENTER, Arc::new(client), tokens, scope);
        partner_center.headers.insert(CONTRACT_VERSION, HeaderValue::from_static("v1"));
        Ok(Self {
            cloud: cloud.clone(),
            partner_center,
            graph: None,
            referrals: None,
            has_new_fraud_events: false,
        })
    }

    /// Reads delegated admin relationships and access assignments from Microsoft Graph, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], as [`new`](Self::new).
    pub fn with_graph(
        mut self,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let base = self.cloud.graph_base().trim_end_matches('/');
        self.graph = Some(self.api(base, &GRAPH, tokens, format!("{base}/.default"))?);
        Ok(self)
    }

    /// Reads referrals from the referrals API, with tokens from `tokens` for `scope`.
    ///
    /// The documented audience is `https://api.partner.microsoft.com`, so the scope is
    /// `https://api.partner.microsoft.com/.default`. The token must belong to a user with a referral role.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], as [`new`](Self::new).
    ///
    /// # Source
    ///
    /// "Referrals API authentication".
    pub fn with_referrals(
        mut self,
        tokens: impl TokenProvider + 'static,
        scope: &str,
    ) -> Result<Self, EndpointError> {
        let base = self.cloud.referrals_base();
        self.referrals = Some(self.api(base, &REFERRALS, tokens, scope.to_owned())?);
        Ok(self)
    }

    /// Requests the newer form of fraud events, with severity and affected resources (`X-NewEventsModel`). Default: the older
    /// form.
    #[must_use]
    pub fn with_new_fraud_events(mut self) -> Self {
        self.has_new_fraud_events = true;
        self
    }

    /// Replaces the retry policy of calls.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        let others = self.graph.iter_mut().chain(&mut self.referrals);
        for api in others.chain([&mut self.partner_center]) {
            api.retries = retries;
        }
        self
    }

    /// Another API, with the HTTP client and the retries of the first.
    fn api(
        &self,
        base: &str,
        service: &'static Service,
        tokens: impl TokenProvider + 'static,
        scope: String,
    ) -> Result<Api, EndpointError> {
        let Api { client, retries, .. } = self.partner_center.clone();
        let endpoint = Endpoint::of_cloud(&self.cloud, base)?;
        Ok(Api { retries, ..Api::new(endpoint, service, client, tokens, scope) })
    }

    /// Reads the resource of `event`.
    ///
    /// An event can arrive before its change can be read, or up to 48 hours late: the response is the current state.
    ///
    /// # Errors
    ///
    /// [`ResourceError`]. All except [`ResourceError::Api`] occur before a token is requested.
    pub async fn fetch(&self, event: &Event) -> Result<Fetched, ResourceError> {
        let address = Address::of_resource(event, &self.partner_center.endpoint, &self.cloud)?;
        self.get("get resource", &address, |json| ResourceModel::read(&event.resource(), json))
            .await
    }

    /// Reads the audit record of `event`: who did what. Its model is [`ResourceModel::AuditRecord`].
    ///
    /// # Errors
    ///
    /// [`ResourceError`], as [`fetch`](Self::fetch).
    pub async fn audit_record(&self, event: &Event) -> Result<Fetched, ResourceError> {
        let address = Address::of_audit_record(event, &self.partner_center.endpoint)?;
        self.get("get audit record", &address, ResourceModel::read_audit_record).await
    }

    async fn get(
        &self,
        operation: &'static str,
        address: &Address,
        model: impl Fn(&RawValue) -> ResourceModel,
    ) -> Result<Fetched, ResourceError> {
        let api = match address.target {
            Target::Graph => self.graph.as_ref(),
            Target::PartnerCenter => Some(&self.partner_center),
            Target::Referrals => self.referrals.as_ref(),
        };
        let Some(api) = api else {
            return Err(ResourceError::NoTokenProvider {
                host: address.target.name(),
                method: address.target.method(),
            });
        };
        let mut call = Call::new(operation, Method::GET, &address.path);
        if self.has_new_fraud_events && address.is_of_fraud_events() {
            call.headers = &NEW_FRAUD_EVENTS;
        }
        let read = |response: &ApiResponse| {
            let json: Box<RawValue> = response.json()?;
            Ok(Fetched { model: model(&json), json, etag: response.headers.get(ETAG).cloned() })
        };
        Ok(api.send(&call, api.deadline(), read).await?)
    }
}

/// A resource that was read.
#[derive(Clone, Debug)]
pub struct Fetched {
    json: Box<RawValue>,
    etag: Option<HeaderValue>,
    model: ResourceModel,
}

impl Fetched {
    /// The whole response, digit for digit.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// The version of the resource, for a later update.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }

    /// The response as a type, if there is one for it.
    pub fn model(&self) -> &ResourceModel {
        &self.model
    }
}

/// Source: "Partner Center REST headers", where it is required.
const CONTRACT_VERSION: HeaderName = HeaderName::from_static("ms-contract-version");

/// Source: "Get fraud events".
static NEW_FRAUD_EVENTS: [(HeaderName, HeaderValue); 1] =
    [(HeaderName::from_static("x-neweventsmodel"), HeaderValue::from_static("true"))];
