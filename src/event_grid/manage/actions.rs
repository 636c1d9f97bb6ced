//! Actions on resources: keys, full URLs, activation, authorization.

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::client::{ManagementClient, unwritable};
use super::error::ManagementError;
use super::model::{
    DeliveryAttribute, EventSubscription, Partner, PartnerConfiguration, PartnerNamespace,
    PartnerTopic,
};
use super::resource::ArmResource;
use super::resource_id::ResourceId;
use super::resource_type::{Activatable, HasEndpointUrl, ResourceType};
use super::secret::Secret;
use crate::api::model::Lenient as _;
use crate::api::{ApiResponse, Call};
use crate::json::response::Unreadable;

/// The keys for publishing to a namespace.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct NamespaceKeys {
    /// The first.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub key1: Option<Secret>,
    /// The second, for use while the first is regenerated.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub key2: Option<Secret>,
}

/// One of a namespace's two keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyName {
    /// The first.
    Key1,
    /// The second.
    Key2,
}

impl ManagementClient {
    /// Returns the keys for publishing to a namespace.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn keys(
        &self,
        id: &ResourceId<PartnerNamespace>,
    ) -> Result<NamespaceKeys, ManagementError> {
        self.act("list keys", id, "listKeys", None, true).await
    }

    /// Regenerates one key, and returns both. The service refuses the old key from then on.
    ///
    /// A call that may have succeeded is never retried.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn regenerate_key(
        &self,
        id: &ResourceId<PartnerNamespace>,
        key: KeyName,
    ) -> Result<NamespaceKeys, ManagementError> {
        let body = json!({"keyName": match key {
            KeyName::Key1 => "key1",
            KeyName::Key2 => "key2",
        }});
        self.act("regenerate key", id, "regenerateKey", Some(body), false).await
    }

    /// Returns the URL of a webhook with its query, which all other responses omit.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn full_url<K: HasEndpointUrl>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<Option<Secret>, ManagementError> {
        let body: Map<String, Value> =
            self.act("get full URL", id, "getFullUrl", None, true).await?;
        Ok(body.get("endpointUrl").and_then(Value::as_str).map(Secret::from))
    }

    /// Returns the headers that deliveries carry, with their secrets, which all other responses omit.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn delivery_attributes(
        &self,
        id: &ResourceId<EventSubscription>,
    ) -> Result<Vec<DeliveryAttribute>, ManagementError> {
        #[derive(Deserialize)]
        struct Attributes {
            value: Vec<DeliveryAttribute>,
        }
        let action = "getDeliveryAttributes";
        let attributes: Attributes =
            self.act("get delivery attributes", id, action, None, true).await?;
        Ok(attributes.value)
    }

    /// Activates a topic or destination, so that its events are delivered. For customers.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn activate<K: Activatable>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<ArmResource<K>, ManagementError> {
        self.act("activate", id, "activate", None, true).await
    }

    /// Deactivates a topic, so that its events are no longer delivered. For customers.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn deactivate(
        &self,
        id: &ResourceId<PartnerTopic>,
    ) -> Result<ArmResource<PartnerTopic>, ManagementError> {
        self.act("deactivate", id, "deactivate", None, true).await
    }

    /// Authorizes a partner to create topics and destinations in the resource group, or extends its authorization. For
    /// customers.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn authorize_partner(
        &self,
        id: &ResourceId<PartnerConfiguration>,
        partner: &Partner,
    ) -> Result<ArmResource<PartnerConfiguration>, ManagementError> {
        let body = Some(partner.write());
        self.act("authorize partner", id, "authorizePartner", body, true).await
    }

    /// Withdraws the authorization of a partner. For customers.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn unauthorize_partner(
        &self,
        id: &ResourceId<PartnerConfiguration>,
        partner: &Partner,
    ) -> Result<ArmResource<PartnerConfiguration>, ManagementError> {
        let body = Some(partner.write());
        self.act("unauthorize partner", id, "unauthorizePartner", body, true).await
    }

    async fn act<K: ResourceType, T: DeserializeOwned>(
        &self,
        operation: &'static str,
        id: &ResourceId<K>,
        action: &str,
        body: Option<Value>,
        is_repeatable: bool,
    ) -> Result<T, ManagementError> {
        let path = self.versioned(&format!("{}/{action}", id.path()), K::IS_PREVIEW);
        let mut call = Call::new(operation, Method::POST, &path);
        call.is_repeatable = is_repeatable;
        if let Some(body) = body {
            let body = serde_json::to_vec(&body).map_err(|error| unwritable(operation, &error))?;
            call.body = Some(body.into());
        }
        Ok(self.api.send(&call, self.api.deadline(), read).await?)
    }
}

/// Reads the response to an action. It often holds a secret, which a message of the JSON reader would quote.
fn read<T: DeserializeOwned>(response: &ApiResponse) -> Result<T, Unreadable> {
    serde_json::from_value(response.json::<Value>()?)
        .map_err(|_| "its shape is not the documented one".into())
}
