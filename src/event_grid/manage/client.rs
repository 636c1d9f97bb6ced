//! The client: where it calls, in which version, and the operations that all kinds have.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use secrecy::SecretString;
use serde_json::Value;

use super::dialect::RESOURCE_MANAGER;
use super::place::encoded;
use super::resource::strip;
use super::secret::secrets_of;
use super::{ArmResource, ManagementError, ResourceId, ResourceType, Writable, web_hook};
use crate::api::{Answer, Api, ApiError, Bearer, Call, RetryPolicy};
use crate::cloud::Cloud;
use crate::http_client::HttpClient;
use crate::http_client::{Endpoint, EndpointError};
use crate::token::TokenProvider;

/// Calls Azure Resource Manager about Event Grid. Cheap to clone.
///
/// # Source
///
/// The REST reference of Event Grid, resource manager, and recorded exchanges of Azure's own clients.
#[derive(Clone, Debug)]
pub struct ManagementClient {
    pub(super) api: Api,
    pub(super) polling: Polling,
    stable: Box<str>,
    preview: Box<str>,
    is_preview: bool,
    danger_plain_http_on_loopback: bool,
}

/// How a change is waited for that the service only begins.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Polling {
    pub(super) interval: Duration,
    pub(super) deadline: Duration,
}

impl Polling {
    /// How long to wait between two looks, where the service does not say it: and it hardly ever does. Default: 10 s.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long to wait in all. Default: 15 minutes, for a person has ten to confirm a web hook.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            deadline: Duration::from_secs(15 * 60),
        }
    }
}

impl ManagementClient {
    /// The version of the API that is asked for: the newest stable one.
    pub const API_VERSION: &'static str = "2025-02-15";

    /// The version that is asked for about partner destinations, and what is connected to them: no stable version has them.
    pub const PREVIEW_API_VERSION: &'static str = "2025-07-15-preview";

    /// Calls the Azure Resource Manager of `cloud` through `client`, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if its base is not fit for tokens, which only that of a [`Cloud::Custom`] can be.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let base = cloud.management_base();
        Ok(Self {
            api: Api {
                endpoint: Endpoint::new(base, cloud.danger_plain_http_on_loopback())?,
                authorizer: Arc::new(Bearer {
                    tokens: Box::new(tokens),
                    scope: format!("{base}/.default").into(),
                }),
                client: Arc::new(client),
                dialect: &RESOURCE_MANAGER,
                retries: RetryPolicy::default(),
                headers: HeaderMap::new(),
            },
            polling: Polling::default(),
            stable: Self::API_VERSION.into(),
            preview: Self::PREVIEW_API_VERSION.into(),
            is_preview: false,
            danger_plain_http_on_loopback: cloud.danger_plain_http_on_loopback(),
        })
    }

    /// Replaces how calls are repeated, and how long each may take.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Replaces how changes are waited for.
    #[must_use]
    pub fn with_polling(mut self, polling: Polling) -> Self {
        self.polling = polling;
        self
    }

    /// Asks for another version than [`API_VERSION`](Self::API_VERSION).
    #[must_use]
    pub fn with_api_version(mut self, version: &str) -> Self {
        self.stable = version.into();
        self
    }

    /// Asks for another preview version than [`PREVIEW_API_VERSION`](Self::PREVIEW_API_VERSION).
    #[must_use]
    pub fn with_preview_api_version(mut self, version: &str) -> Self {
        self.preview = version.into();
        self
    }

    /// Asks for the preview version about everything. Without this, it is asked for about partner destinations, and to
    /// create or update a channel or an event subscription to one; to read, list, modify or delete these, whose ids look as
    /// all others, takes this.
    #[must_use]
    pub fn in_preview(mut self) -> Self {
        self.is_preview = true;
        self
    }

    /// Reads a resource; nothing if it does not exist.
    ///
    /// That is what a 404 says whose code is that the resource, its parent or its group is not there: `ResourceNotFound`,
    /// `ParentResourceNotFound`, `ResourceGroupNotFound` or `NotFound`. Any other, such as `SubscriptionNotFound`, and one
    /// without a code, is an error.
    ///
    /// After a change, this tells more than a list does: lists are put together from several regions.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn get<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<Option<ArmResource<K>>, ManagementError> {
        Ok(self.read("get", id, &[]).await?)
    }

    async fn read<K: ResourceType>(
        &self,
        operation: &'static str,
        id: &ResourceId<K>,
        secrets: &[SecretString],
    ) -> Result<Option<ArmResource<K>>, ApiError> {
        let path = self.path::<K>(&id.path());
        let mut call = Call::new(operation, Method::GET, &path);
        call.secrets = secrets;
        match self
            .api
            .send(&call, self.api.deadline(), Answer::json)
            .await
        {
            Ok(resource) => Ok(Some(resource)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a resource, or replaces all of it, and waits until the service is done.
    ///
    /// What the service alone writes is left out. To change a part of what exists, see [`update`](Self::update) and
    /// [`modify`](Self::modify).
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn create_or_update<K: Writable>(
        &self,
        id: &ResourceId<K>,
        resource: &ArmResource<K>,
    ) -> Result<ArmResource<K>, ManagementError> {
        const OPERATION: &str = "create or update";
        resource.properties.check()?;
        let body = resource
            .body()
            .map_err(|error| unwritable(OPERATION, &error))?;
        self.write(OPERATION, Method::PUT, id, &body).await
    }

    /// Changes a part of a resource, and waits until the service is done.
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn update<K: Writable>(
        &self,
        id: &ResourceId<K>,
        update: &K::Update,
    ) -> Result<ArmResource<K>, ManagementError> {
        const OPERATION: &str = "update";
        let mut body =
            serde_json::to_value(update).map_err(|error| unwritable(OPERATION, &error))?;
        strip::<K>(&mut body);
        if let Some(properties) = body.get_mut("properties") {
            strip::<K>(properties);
        }
        self.write(OPERATION, Method::PATCH, id, &body).await
    }

    /// Reads a resource, lets `change` change it, and replaces it by that.
    ///
    /// What has no field is sent back as it came; what has one and was of another type than documented is not. Neither is
    /// the message for activation that the service writes into a channel by itself, for it is longer than the service takes.
    /// What the service does not give back has to be said again: the URL of an event subscription's web hook
    /// ([`full_url`](Self::full_url)) and secret headers; an [`update`](Self::update) leaves them as they are.
    ///
    /// Whoever else changes the resource meanwhile is not noticed: the service has no versions of resources.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Missing`] if it does not exist; others as [`create_or_update`](Self::create_or_update).
    pub async fn modify<K: Writable>(
        &self,
        id: &ResourceId<K>,
        change: impl FnOnce(&mut ArmResource<K>),
    ) -> Result<ArmResource<K>, ManagementError> {
        let mut resource = self
            .get(id)
            .await?
            .ok_or_else(|| ManagementError::Missing {
                operation: "modify",
                id: id.as_str().into(),
            })?;
        resource.properties.forget_unwritable();
        change(&mut resource);
        self.create_or_update(id, &resource).await
    }

    /// Deletes a resource, waits until the service is done, and tells whether there was anything to delete.
    ///
    /// A channel and its topic go together: deleting the one first leaves nothing of the other. What counts as nothing is
    /// told at [`get`](Self::get). If the call had to be repeated, there may have been something, and nothing when it came
    /// again.
    ///
    /// Where the service names no operation, the resource is looked at until it is gone. That it is `Failed` or `Canceled`
    /// may be older than the deletion, and is the end only once it was seen as `Deleting`.
    ///
    /// # Errors
    ///
    /// [`ManagementError`].
    pub async fn delete<K: Writable>(&self, id: &ResourceId<K>) -> Result<bool, ManagementError> {
        let changed = self.change("delete", Method::DELETE, id, None, &[]).await?;
        Ok(changed.status != StatusCode::NO_CONTENT)
    }

    async fn write<K: ResourceType>(
        &self,
        operation: &'static str,
        method: Method,
        id: &ResourceId<K>,
        body: &Value,
    ) -> Result<ArmResource<K>, ManagementError> {
        web_hook::check(body, self.danger_plain_http_on_loopback)?;
        let client = Self {
            is_preview: self.is_preview || is_about_destination(body),
            ..self.clone()
        };
        let secrets = secrets_of(body);
        let body = serde_json::to_vec(body).map_err(|error| unwritable(operation, &error))?;
        let changed = client
            .change(operation, method, id, Some(body.into()), &secrets)
            .await?;
        if let Some(resource) = changed.resource {
            return Ok(resource);
        }
        let resource = client.read(operation, id, &secrets).await?;
        resource.ok_or_else(|| ManagementError::Missing {
            operation,
            id: id.as_str().into(),
        })
    }

    /// `path` in the version of the API that is right for `K`.
    pub(super) fn path<K: ResourceType>(&self, path: &str) -> String {
        let version = match self.is_preview || K::IS_PREVIEW {
            true => &self.preview,
            false => &self.stable,
        };
        format!("{path}?api-version={}", encoded(version))
    }
}

/// Whether a body, flat or not, says what only preview versions know.
fn is_about_destination(body: &Value) -> bool {
    let properties = body.get("properties").unwrap_or(body);
    let is_destination = |pointer: &&str| {
        let found = properties.pointer(pointer).and_then(Value::as_str);
        found.is_some_and(|found| found.eq_ignore_ascii_case(DESTINATION))
    };
    properties.get("partnerDestinationInfo").is_some() || TYPES.iter().any(is_destination)
}

pub(super) fn unwritable(operation: &'static str, error: &serde_json::Error) -> ManagementError {
    ManagementError::Body {
        operation,
        reason: error.to_string().into(),
    }
}

const DESTINATION: &str = "PartnerDestination";

/// Where a type is said.
const TYPES: [&str; 3] = [
    "/channelType",
    "/deliveryWithResourceIdentity/destination/endpointType",
    "/destination/endpointType",
];
