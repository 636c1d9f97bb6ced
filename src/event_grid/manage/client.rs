//! The client: endpoint, API version, and the operations of all resource types.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use super::error::ManagementError;
use super::resource::{ArmResource, strip};
use super::resource_id::ResourceId;
use super::resource_type::ResourceType;
use super::secret::secrets_of;
use super::service::RESOURCE_MANAGER;
use super::webhook_url;
use crate::api::{Api, ApiError, ApiResponse, Call, RetryPolicy};
use crate::cloud::Cloud;
use crate::http_client::HttpClient;
use crate::http_client::endpoint::{Endpoint, EndpointError};
use crate::mask::secret::SecretString;
use crate::token::TokenProvider;

/// Manages the resources of Event Grid through Azure Resource Manager. Cheap to clone.
///
/// # Source
///
/// The REST reference of Event Grid, resource manager, and recorded exchanges of Azure's own clients.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::event_grid::manage::{
///     ArmResource, ManagementClient, PartnerRegistration, ResourceGroup, SubscriptionId,
/// };
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::testing::ResourceManager;
/// use partner_center_webhooks::token::AccessToken;
///
/// let fake = ResourceManager::start().await?; // on loopback; in production: Cloud::Global
/// let tokens = AccessToken::new(fake.access_token())?;
/// let client = ManagementClient::new(&fake.cloud(), ReqwestClient::new()?, tokens)?
///     .with_poll_interval(std::time::Duration::ZERO);
/// let group = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000001")?, "events")?;
///
/// let id = group.partner_registration("contoso")?;
/// assert!(client.get(&id).await?.is_none());
/// let registration = ArmResource::new(PartnerRegistration::default()).at("global");
/// client.create_or_update(&id, &registration).await?;
/// let tagged = client.modify(&id, |resource| *resource = resource.clone().tagged("team", "events")).await?;
/// assert_eq!(tagged.tags.unwrap()["team"], "events");
/// assert!(client.delete(&id).await?);
/// assert!(!client.delete(&id).await?); // it is gone
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct ManagementClient {
    pub(super) api: Api,
    pub(super) poll_interval: Duration,
    pub(super) poll_deadline: Duration,
    always_preview: bool,
    danger_plain_http_on_loopback: bool,
}

impl ManagementClient {
    /// The API version: the newest stable one.
    pub const API_VERSION: &'static str = "2025-02-15";

    /// The API version for partner destinations and resources that refer to them, which no stable version has.
    pub const PREVIEW_API_VERSION: &'static str = "2025-07-15-preview";

    /// Calls the Azure Resource Manager of `cloud` through `client`, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if tokens must not be sent to its base URL; only a [`Cloud::Custom`] can have one.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let base = cloud.management_base();
        Ok(Self {
            api: Api::new(
                Endpoint::of_cloud(cloud, base)?,
                &RESOURCE_MANAGER,
                Arc::new(client),
                tokens,
                format!("{base}/.default"),
            ),
            poll_interval: Duration::from_secs(10),
            poll_deadline: Duration::from_secs(15 * 60),
            always_preview: false,
            danger_plain_http_on_loopback: cloud.danger_plain_http_on_loopback(),
        })
    }

    /// Replaces the retry policy of calls.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Sets the interval between two polls of a long-running operation, used if the service does not name one (it rarely does).
    /// Default: 10 s.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Sets the total wait for a long-running operation. Default: 15 minutes, because a person has ten minutes to confirm a
    /// webhook.
    #[must_use]
    pub fn with_poll_deadline(mut self, deadline: Duration) -> Self {
        self.poll_deadline = deadline;
        self
    }

    /// Uses the preview version for all calls.
    ///
    /// Default: the client uses it for partner destinations, and to write a channel or an event subscription that refers to
    /// one. The id does not show that reference, so reading, listing, modifying or deleting these needs this setting.
    #[must_use]
    pub fn in_preview(mut self) -> Self {
        self.always_preview = true;
        self
    }

    /// Reads a resource, or returns `None` if it does not exist.
    ///
    /// It does not exist if the service responds with 404 and the code `ResourceNotFound`, `ParentResourceNotFound`,
    /// `ResourceGroupNotFound` or `NotFound`. A 404 with another code, such as `SubscriptionNotFound`, or without one is an
    /// error.
    ///
    /// After a change, rely on this rather than on a list, which the service assembles from several regions.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn get<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<Option<ArmResource<K>>, ManagementError> {
        let path = self.versioned(&id.path(), K::IS_PREVIEW);
        Ok(self.read("get", &path, &[]).await?)
    }

    async fn read<K: ResourceType>(
        &self,
        operation: &'static str,
        path: &str,
        secrets: &[SecretString],
    ) -> Result<Option<ArmResource<K>>, ApiError> {
        let mut call = Call::new(operation, Method::GET, path);
        call.secrets = secrets;
        let response = self.api.send(&call, self.api.deadline(), ApiResponse::json);
        match response.await {
            Ok(resource) => Ok(Some(resource)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a resource, or replaces all of it, and waits until the service has finished.
    ///
    /// Properties that only the service writes are not sent. To change a part of a resource, use [`update`](Self::update) or
    /// [`modify`](Self::modify).
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn create_or_update<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        resource: &ArmResource<K>,
    ) -> Result<ArmResource<K>, ManagementError> {
        resource.properties.check()?;
        let operation = "create or update";
        let path = self.versioned(&id.path(), resource.properties.needs_preview());
        let call = Call::new(operation, Method::PUT, &path);
        let body = resource.body();
        let body = body.map_err(|error| unwritable(operation, &error))?;
        self.write(id, call, &body).await
    }

    /// Changes a part of a resource, and waits until the service has finished.
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn update<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        update: &K::Update,
    ) -> Result<ArmResource<K>, ManagementError> {
        let operation = "update";
        let path = self.versioned(&id.path(), K::update_needs_preview(update));
        let call = Call::new(operation, Method::PATCH, &path);
        let body = serde_json::to_value(update);
        let mut body = body.map_err(|error| unwritable(operation, &error))?;
        strip::<K>(&mut body);
        if let Some(properties) = body.get_mut("properties") {
            strip::<K>(properties);
        }
        self.write(id, call, &body).await
    }

    /// Reads a resource, applies `change`, and replaces the resource.
    ///
    /// Unknown members are sent back as received. Not sent back: a known member whose type is not as documented, and the
    /// activation message that the service itself writes into a channel, because it is longer than the service accepts. Set
    /// again what the service does not return: the webhook URL of an event subscription ([`full_url`](Self::full_url)) and
    /// secret headers. An [`update`](Self::update) keeps them.
    ///
    /// A concurrent change is overwritten without notice: the service has no resource versions.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Missing`] if it does not exist; others as [`create_or_update`](Self::create_or_update).
    pub async fn modify<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        change: impl FnOnce(&mut ArmResource<K>),
    ) -> Result<ArmResource<K>, ManagementError> {
        let resource = self.get(id).await?;
        let mut resource = resource.ok_or_else(|| missing("modify", id))?;
        resource.properties.clear_unwritable();
        change(&mut resource);
        self.create_or_update(id, &resource).await
    }

    /// Deletes a resource, waits until the service has finished, and returns whether it existed (see [`get`](Self::get)).
    ///
    /// A channel and its topic belong together: deleting one deletes the other. After a retry the result can be `false`
    /// although the resource existed.
    ///
    /// If the service does not name an operation, the client polls the resource until it is gone. `Failed` or `Canceled` can
    /// be older than the deletion, so they count only after the resource was `Deleting`.
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn delete<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<bool, ManagementError> {
        let path = self.versioned(&id.path(), K::IS_PREVIEW);
        let call = Call::new("delete", Method::DELETE, &path);
        let accepted = self.change(id, call).await?;
        Ok(accepted.status != StatusCode::NO_CONTENT)
    }

    async fn write<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        call: Call<'_>,
        body: &Value,
    ) -> Result<ArmResource<K>, ManagementError> {
        webhook_url::check(body, self.danger_plain_http_on_loopback)?;
        let (operation, path) = (call.operation, call.path);
        let secrets = secrets_of(body);
        let body = serde_json::to_vec(body).map_err(|error| unwritable(operation, &error))?;
        let call = Call { body: Some(Bytes::from(body)), secrets: &secrets, ..call };
        if let Some(resource) = self.change(id, call).await?.resource {
            return Ok(resource);
        }
        let resource = self.read(operation, path, &secrets).await?;
        resource.ok_or_else(|| missing(operation, id))
    }

    /// `path` with the API version.
    pub(super) fn versioned(&self, path: &str, needs_preview: bool) -> String {
        let version = match self.always_preview || needs_preview {
            true => Self::PREVIEW_API_VERSION,
            false => Self::API_VERSION,
        };
        format!("{path}?api-version={version}")
    }
}

fn missing<K>(operation: &'static str, id: &ResourceId<K>) -> ManagementError {
    ManagementError::Missing { operation, id: id.to_string().into() }
}

pub(super) fn unwritable(operation: &'static str, error: &serde_json::Error) -> ManagementError {
    ManagementError::Body { operation, reason: error.to_string().into() }
}
