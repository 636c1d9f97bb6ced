//! What a resource type is: its name, its path, its rules.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::enums::ProvisioningState;
use super::error::InvalidResource;
use super::scope::NameRule;

/// A resource type, named by the Rust type of its properties.
///
/// Implement it for a resource type of Event Grid that this crate has no model for.
pub trait ResourceType:
    Clone + fmt::Debug + Default + DeserializeOwned + Send + Serialize + Sync + 'static
{
    /// Its name in the documentation.
    const NAME: &'static str;
    /// Its segments in an id, outermost first; a name follows each.
    const TYPES: &'static [&'static str];
    /// Which names are valid.
    const NAMES: NameRule;
    /// Whether it extends a resource of any provider.
    const IS_EXTENSION: bool = false;
    /// Whether only preview versions of the API have it.
    const IS_PREVIEW: bool = false;
    /// The properties that only the service writes.
    const READ_ONLY: &'static [&'static str] = &["provisioningState"];

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

    /// Clears properties that the service returns and does not accept. Default: none.
    fn clear_unwritable(&mut self) {}
}

/// A resource type that can be created, updated and deleted.
pub trait Writable: ResourceType {
    /// The body of an update.
    type Update: Serialize + Sync;

    /// Whether only preview versions of the API accept `update`. Default: [`IS_PREVIEW`](ResourceType::IS_PREVIEW).
    fn update_needs_preview(_update: &Self::Update) -> bool {
        Self::IS_PREVIEW
    }
}

/// A scope in which resources of type `K` are listed.
pub trait ListIn<K>: Sync {
    /// The path of the list.
    fn list_path(&self) -> String;
}

/// A resource type that a customer activates.
pub trait Activatable: Writable {}

/// A resource type with an endpoint URL that holds a secret.
pub trait HasEndpointUrl: ResourceType {}
