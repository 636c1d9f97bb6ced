//! A resource of Azure Resource Manager: common members, and the properties of its type.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::resource_type::ResourceType;

/// A resource with the properties `K`.
///
/// Reading is tolerant: a missing or null member is `None`, and unknown members are kept.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{PartnerRegistration, ArmResource};
///
/// let registration = ArmResource::new(PartnerRegistration::default()).at("global").tagged("team", "events");
/// assert_eq!(registration.location.as_deref(), Some("global"));
/// ```
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", bound = "K: ResourceType")]
#[non_exhaustive]
pub struct ArmResource<K> {
    /// Its id; its letter case varies. See [`ResourceId::parse`](super::ResourceId::parse).
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub id: Option<String>,
    /// Its name.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub name: Option<String>,
    /// Its type; its letter case varies. It can be wrong: the first response to the creation of an event subscription of a
    /// partner topic says `systemTopics`.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub r#type: Option<String>,
    /// Its region, or `global`. Some types have none.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub location: Option<String>,
    /// The tags of its owner.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub tags: Option<Map<String, Value>>,
    /// Its managed identity.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub identity: Option<Value>,
    /// Who created and changed it, and when.
    #[serde(default, deserialize_with = "crate::api::model::read")]
    pub system_data: Option<Value>,
    /// The properties of its type.
    #[serde(default, deserialize_with = "null_is_default")]
    pub properties: K,
    /// The members without a field.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl<K: ResourceType> ArmResource<K> {
    /// A resource with these properties.
    pub fn new(properties: K) -> Self {
        Self { properties, ..Self::default() }
    }

    /// Sets the region, or `global`.
    #[must_use]
    pub fn at(mut self, location: &str) -> Self {
        self.location = Some(location.to_owned());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tagged(mut self, name: &str, value: &str) -> Self {
        let tags = self.tags.get_or_insert_default();
        tags.insert(name.to_owned(), value.into());
        self
    }

    /// The body of a `PUT`: all members except those that only the service writes.
    pub(super) fn body(&self) -> Result<Value, serde_json::Error> {
        let mut body = self.others.clone();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("location", self.location.clone().map(Value::String));
        put("tags", self.tags.clone().map(Value::Object));
        put("identity", self.identity.clone());
        let properties = writable(&self.properties)?;
        let is_empty = properties.as_object().is_some_and(Map::is_empty);
        put("properties", (!is_empty).then_some(properties));
        Ok(Value::Object(body))
    }
}

/// Shows the names of the members without a field, because any value may be a secret.
impl<K: fmt::Debug> fmt::Debug for ArmResource<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmResource")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("type", &self.r#type)
            .field("location", &self.location)
            .field("tags", &self.tags)
            .field("identity", &self.identity)
            .field("system_data", &self.system_data)
            .field("properties", &self.properties)
            .field("others", &self.others.keys())
            .finish()
    }
}

/// A change to a resource. A member that is `None` stays as it is.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{PartnerNamespace, Update};
///
/// let mut namespace = PartnerNamespace::default();
/// namespace.disable_local_auth = Some(true);
/// let update = serde_json::to_value(Update::of(namespace))?;
/// assert_eq!(update, serde_json::json!({"properties": {"disableLocalAuth": true}}));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Update<P> {
    /// Replaces all tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Map<String, Value>>,
    /// Its managed identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Value>,
    /// The properties to change. The service documents which can be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<P>,
}

impl<P: Default> Update<P> {
    /// A change of properties.
    pub fn of(properties: P) -> Self {
        Self { properties: Some(properties), ..Self::default() }
    }
}

fn writable<K: ResourceType>(properties: &K) -> Result<Value, serde_json::Error> {
    let mut properties = serde_json::to_value(properties)?;
    strip::<K>(&mut properties);
    Ok(properties)
}

/// Removes the properties that only the service writes.
pub(super) fn strip<K: ResourceType>(properties: &mut Value) {
    if let Some(members) = properties.as_object_mut() {
        members.retain(|name, _| !K::READ_ONLY.contains(&name.as_str()));
    }
}

fn null_is_default<'de, K: ResourceType, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<K, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
