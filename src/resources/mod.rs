//! From an event to what it is about, without showing the token to anybody else.
//!
//! An event names a URI, and a URI can name any host. [`ResourceClient`] never calls it as it stands: it takes the path
//! from it, if host and path are what the documentation knows, and calls the cloud's own endpoint. Otherwise there is an
//! error before anybody is asked for a token.

mod address;
mod error;
mod model;

use std::sync::Arc;

use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::value::RawValue;

use crate::api::partner_center::{GRAPH, PARTNER_CENTER, REFERRALS};
use crate::api::{Answer, Api, Bearer, Call, RetryPolicy};
use crate::cloud::Cloud;
use crate::event::Event;
use crate::http_client::HttpClient;
use crate::http_client::{Endpoint, EndpointError};
use crate::token::TokenProvider;

use address::{Address, Service};
pub use error::ResourceError;
pub use model::{
    AffectedResource, AuditRecord, CompanyProfile, Customer, FraudEvent, Invoice,
    NewCommerceMigrationSchedule, PartnerRelationship, ResourceModel, SpendingBudget, Subscription,
    UsageSummary,
};

/// Reads what events are about. Cheap to clone.
///
/// Resources of Partner Center are read with the tokens given to [`new`](Self::new). Those of Microsoft Graph (delegated
/// admin relationships) and of the referrals API are on other hosts, which take other tokens: give providers of those to
/// [`with_graph`](Self::with_graph) and [`with_referrals`](Self::with_referrals). One provider can serve all three,
/// because it is asked for a token of each audience.
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
/// # #[cfg(feature = "reqwest")]
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
    /// [`EndpointError`] if the API's base is not fit for tokens, which only that of a [`Cloud::Custom`] can be.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let headers = [(CONTRACT_VERSION, HeaderValue::from_static("v1"))];
        Ok(Self {
            cloud: cloud.clone(),
            partner_center: Api {
                endpoint: Endpoint::new(cloud.api_base(), cloud.danger_plain_http_on_loopback())?,
                authorizer: Arc::new(Bearer {
                    tokens: Box::new(tokens),
                    scope: format!("{}/.default", cloud.token_audience()).into(),
                }),
                client: Arc::new(client),
                dialect: &PARTNER_CENTER,
                retries: RetryPolicy::default(),
                headers: headers.into_iter().collect(),
            },
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
        let mut graph = self.api(base, &format!("{base}/.default"), tokens)?;
        graph.dialect = &GRAPH;
        self.graph = Some(graph);
        Ok(self)
    }

    /// Reads referrals from their own API, with tokens from `tokens` for `scope`.
    ///
    /// The documented audience is `https://api.partner.microsoft.com`, so the scope is
    /// `https://api.partner.microsoft.com/.default`. The token must be that of a user with a referral role.
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
        let mut referrals = self.api(self.cloud.referrals_base(), scope, tokens)?;
        referrals.dialect = &REFERRALS;
        self.referrals = Some(referrals);
        Ok(self)
    }

    /// Asks for the newer form of fraud events, with severity and affected resources (`X-NewEventsModel`). Default: the
    /// older one.
    #[must_use]
    pub fn with_new_fraud_events(mut self) -> Self {
        self.has_new_fraud_events = true;
        self
    }

    /// Replaces how calls are repeated, and how long they may take.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        let others = self.graph.iter_mut().chain(&mut self.referrals);
        for api in others.chain([&mut self.partner_center]) {
            api.retries = retries;
        }
        self
    }

    fn api(
        &self,
        base: &str,
        scope: &str,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Api, EndpointError> {
        Ok(Api {
            endpoint: Endpoint::new(base, self.cloud.danger_plain_http_on_loopback())?,
            authorizer: Arc::new(Bearer {
                tokens: Box::new(tokens),
                scope: scope.into(),
            }),
            headers: HeaderMap::new(),
            ..self.partner_center.clone()
        })
    }

    /// Reads what `event` points to.
    ///
    /// Events may come before what they announce can be read, and up to 48 hours late: the answer is how things are now.
    ///
    /// # Errors
    ///
    /// [`ResourceError`]. All but [`ResourceError::Api`] come about before a token is asked for.
    pub async fn fetch(&self, event: &Event) -> Result<Fetched, ResourceError> {
        let address = Address::of_resource(event, &self.partner_center.endpoint, &self.cloud)?;
        self.get("get resource", &address, |json| {
            ResourceModel::read(&event.resource(), json)
        })
        .await
    }

    /// Reads the audit record of `event`, which tells who did what; [`ResourceModel::AuditRecord`] is its model.
    ///
    /// # Errors
    ///
    /// [`ResourceError`], as [`fetch`](Self::fetch).
    pub async fn audit_record(&self, event: &Event) -> Result<Fetched, ResourceError> {
        let address = Address::of_audit_record(event, &self.partner_center.endpoint)?;
        self.get(
            "get audit record",
            &address,
            ResourceModel::read_audit_record,
        )
        .await
    }

    async fn get(
        &self,
        operation: &'static str,
        address: &Address,
        model: impl Fn(&RawValue) -> ResourceModel,
    ) -> Result<Fetched, ResourceError> {
        let api = match address.service {
            Service::Graph => self.graph.as_ref(),
            Service::PartnerCenter => Some(&self.partner_center),
            Service::Referrals => self.referrals.as_ref(),
        };
        let Some(api) = api else {
            return Err(ResourceError::NoTokenProvider {
                host: address.service.name(),
                method: address.service.method(),
            });
        };
        let mut call = Call::new(operation, Method::GET, &address.path);
        if self.has_new_fraud_events && address.is_of_fraud_events() {
            call.headers = &NEW_FRAUD_EVENTS;
        }
        let read = |answer: &Answer| {
            let json: Box<RawValue> = answer.json()?;
            Ok(Fetched {
                model: model(&json),
                json,
                etag: answer.headers.get(ETAG).cloned(),
            })
        };
        Ok(api.send(&call, api.deadline(), read).await?)
    }
}

/// A resource as it was read.
#[derive(Clone, Debug)]
pub struct Fetched {
    json: Box<RawValue>,
    etag: Option<HeaderValue>,
    model: ResourceModel,
}

impl Fetched {
    /// The whole answer, digit for digit.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// The version of the resource, for a later update.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }

    /// The answer as a type, where there is one for it.
    pub fn model(&self) -> &ResourceModel {
        &self.model
    }
}

/// Source: "Partner Center REST headers", where it is required.
const CONTRACT_VERSION: HeaderName = HeaderName::from_static("ms-contract-version");

/// Source: "Get fraud events".
static NEW_FRAUD_EVENTS: [(HeaderName, HeaderValue); 1] = [(
    HeaderName::from_static("x-neweventsmodel"),
    HeaderValue::from_static("true"),
)];
