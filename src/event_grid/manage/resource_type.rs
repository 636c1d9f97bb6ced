//! The trait of resource types: name, path and rules.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::enums::ProvisioningState;
use super::error::InvalidResource;
use super::scope::NameRule;

/// A resource type, named by the Rust type of its properties.
///
/// Implement it for a resource type of Event Grid that this crate has no model for.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{ProvisioningState, ResourceId, ResourceType, Update};
/// use serde::{Deserialize, Serialize};
///
/// /// A custom topic, of which only the endpoint matters here.
/// #[derive(Clone, Debug, Default, Deserialize, Serialize)]
/// struct Topic {
///     endpoint: Option<String>,
/// }
///
/// impl ResourceType for Topic {
///     const NAME: &'static str = "topic";
///     const TYPES: &'static [&'static str] = &["topics"];
///     type Update = Update<Self>;
///
///     fn provisioning_state(&self) -> Option<&ProvisioningState> {
///         None
///     }
/// }
///
/// let id = "/subscriptions/s/resourceGroups/events/providers/Microsoft.EventGrid/topics/orders";
/// assert_eq!(ResourceId::<Topic>::parse(id)?.name(), "orders");
/// # Ok::<(), partner_center_webhooks::event_grid::manage::InvalidResource>(())
/// ```
pub trait ResourceType:
    Clone + fmt::Debug + Default + DeserializeOwned + Send + Serialize + Sync + 'static
{
    /// Its name in the documentation.
    const NAME: &'static str;
    /// Its segments in an id, outermost first; a name follows each.
    const TYPES: &'static [&'static str];
    /// The rule for names. Default: 3 to 50 letters, digits and hyphens.
    const NAMES: NameRule = NameRule::PARTNER;
    /// Whether it extends a resource of any provider.
    const IS_EXTENSION: bool = false;
    /// Whether only preview versions of the API have it.
    const IS_PREVIEW: bool = false;
    /// The properties that only the service writes.
    const READ_ONLY: &'static [&'static str] = &["provisioningState"];

    /// The body of an update.
    type Update: Serialize + Sync;

    /// The state of the resource.
    fn provisioning_state(&self) -> Option<&ProvisioningState>;

    /// Checks the properties before they are sent.
    ///
    /// # Errors
    ///
    /// [`InvalidResource`] if the service would refuse or misread them.
    fn check(&self) -> Result<(), InvalidResource> {
        Ok(())
    }

    /// Whether only preview versions of the API accept these properties. Default: [`IS_PREVIEW`](Self::IS_PREVIEW).
    fn needs_preview(&self) -> bool {
        Self::IS_PREVIEW
    }

    /// Whether only preview versions of the API accept `update`. Default: [`IS_PREVIEW`](Self::IS_PREVIEW).
    fn update_needs_preview(_update: &Self::Update) -> bool {
        Self::IS_PREVIEW
    }

    /// Clears properties that the service returns and does not accept. Default: none.
    fn clear_unwritable(&mut self) {}
}

/// A scope in which resources of type `K` are listed: a resource group, a subscription, or the parent of `K`.
pub trait ListIn<K>: Sync {
    /// The path of the list.
    fn list_path(&self) -> String;
}

/// A resource type that a customer activates. See [`ManagementClient::activate`](super::ManagementClient::activate).
pub trait Activatable: ResourceType {}

/// A resource type with an endpoint URL that holds a secret. See
/// [`ManagementClient::full_url`](super::ManagementClient::full_url).
pub trait HasEndpointUrl: ResourceType {}
