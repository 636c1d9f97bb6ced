//! What can be done with a resource beside writing it.

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::unwritable;
use super::{
    Activatable, ArmResource, DeliveryAttribute, EventSubscription, HasEndpointUrl,
    ManagementClient, ManagementError, Partner, PartnerConfiguration, PartnerNamespace,
    PartnerTopic, ResourceId, ResourceType, Secret,
};
use crate::api::model::Lenient as _;
use crate::api::{Answer, Call};
use crate::json::response::Unreadable;

/// The keys to publish with.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct NamespaceKeys {
    /// The first.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub key1: Option<Secret>,
    /// The second, to be used while the first is made anew.
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
    /// The keys to publish to a namespace with.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`], as in all that follow.
    pub async fn keys(
        &self,
        id: &ResourceId<PartnerNamespace>,
    ) -> Result<NamespaceKeys, ManagementError> {
        self.act("list keys", id, "listKeys", None, true).await
    }

    /// Makes one of the keys anew, and gives both. From then on the old one is refused.
    ///
    /// Never repeated once it may have been done.
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
        self.act("regenerate key", id, "regenerateKey", Some(body), false)
            .await
    }

    /// The URL of a web hook with its query, which is left out everywhere else.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Api`].
    pub async fn full_url<K: HasEndpointUrl>(
        &self,
        id: &ResourceId<K>,
    ) -> Result<Option<Secret>, ManagementError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FullUrl {
            #[serde(default, deserialize_with = "crate::api::model::read")]
            endpoint_url: Option<Secret>,
        }
        let url: FullUrl = self
            .act("get full URL", id, "getFullUrl", None, true)
            .await?;
        Ok(url.endpoint_url)
    }

    /// The headers that come along with a subscription's events, those with secrets included, which are left out everywhere
    /// else.
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
        let attributes: Attributes = self
            .act("get delivery attributes", id, action, None, true)
            .await?;
        Ok(attributes.value)
    }

    /// As a customer: lets events flow.
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

    /// As a customer: lets no more events flow.
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

    /// As a customer: lets a partner create topics and destinations in the resource group, or longer than before.
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
        self.act("authorize partner", id, "authorizePartner", body, true)
            .await
    }

    /// As a customer: takes that back.
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
        self.act("unauthorize partner", id, "unauthorizePartner", body, true)
            .await
    }

    async fn act<K: ResourceType, T: DeserializeOwned>(
        &self,
        operation: &'static str,
        id: &ResourceId<K>,
        action: &str,
        body: Option<Value>,
        is_repeatable: bool,
    ) -> Result<T, ManagementError> {
        let path = self.path::<K>(&format!("{}/{action}", id.path()));
        let mut call = Call::new(operation, Method::POST, &path);
        call.is_repeatable = is_repeatable;
        if let Some(body) = body {
            let body = serde_json::to_vec(&body).map_err(|error| unwritable(operation, &error))?;
            call.body = Some(body.into());
        }
        Ok(self.api.send(&call, self.api.deadline(), read).await?)
    }
}

/// What an action gives: often a secret, which a message about another shape would quote.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Unreadable> {
    serde_json::from_value(answer.json::<Value>()?)
        .map_err(|_| "it is of another shape than documented".into())
}
