//! The kinds of resources, and where the API has each.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::place::{EVENT_SUBSCRIPTIONS, NameRule, PROVIDER, PROVIDERS};
use super::{
    Channel, EventSubscription, InvalidResource, PartnerConfiguration, PartnerConfigurationUpdate,
    PartnerDestination, PartnerNamespace, PartnerRegistration, PartnerTopic, ProvisioningState,
    ResourceGroup, ResourceId, Scope, SubscriptionId, SystemTopic, Update, VerifiedPartner,
};

/// A kind of resource, which is the type of its properties.
///
/// It can be implemented for a kind of Event Grid that this crate has no model for.
pub trait ResourceType:
    Clone + fmt::Debug + Default + DeserializeOwned + Send + Serialize + Sync + 'static
{
    /// What the documentation calls it.
    const NAME: &'static str;
    /// The names of its type, outermost first: one for each part of its name.
    const TYPES: &'static [&'static str];
    /// How it may be called.
    const NAMES: NameRule;
    /// Whether it belongs to a resource of whatever provider.
    const IS_EXTENSION: bool = false;
    /// Whether it exists in preview versions of the API only.
    const IS_PREVIEW: bool = false;
    /// The properties that the service writes, and nobody else.
    const READ_ONLY: &'static [&'static str] = &["provisioningState"];

    /// What the service is doing with it.
    fn provisioning_state(&self) -> Option<&ProvisioningState>;

    /// Judges what is to be written.
    ///
    /// # Errors
    ///
    /// [`InvalidResource`], where the service would refuse it, or do something else than what is meant.
    fn check(&self) -> Result<(), InvalidResource> {
        Ok(())
    }

    /// Drops what was read and cannot be written again. By default, nothing.
    fn forget_unwritable(&mut self) {}
}

/// A kind of resource that can be written.
pub trait Writable: ResourceType {
    /// What an update may say.
    type Update: Serialize + Sync;
}

/// A place that resources of kind `K` are listed in.
pub trait ListIn<K>: Sync {
    /// The path of the list.
    fn list_path(&self) -> String;
}

/// A kind of resource that a customer activates.
pub trait Activatable: Writable {}

/// A kind of resource whose endpoint has a URL with a secret in it.
pub trait HasEndpointUrl: ResourceType {}

impl ResourceType for Channel {
    const NAME: &'static str = "channel";
    const TYPES: &'static [&'static str] = &["partnerNamespaces", "channels"];
    const NAMES: NameRule = NameRule::PARTNER;
    const READ_ONLY: &'static [&'static str] = &["provisioningState", "readinessState"];

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }

    fn check(&self) -> Result<(), InvalidResource> {
        match message_length(self) {
            length if length > LONGEST_MESSAGE => Err(InvalidResource::Message { length }),
            _ => Ok(()),
        }
    }

    /// The service writes a message of its own where the partner gave none, longer than it takes back: issue 37280 of
    /// azure-rest-api-specs.
    fn forget_unwritable(&mut self) {
        if message_length(self) > LONGEST_MESSAGE {
            self.message_for_activation = None;
        }
    }
}

impl Writable for Channel {
    type Update = Update<Self>;
}

impl HasEndpointUrl for Channel {}

impl ListIn<Channel> for ResourceId<PartnerNamespace> {
    fn list_path(&self) -> String {
        format!("{}/channels", self.path())
    }
}

fn message_length(channel: &Channel) -> usize {
    let message = channel.message_for_activation.as_deref();
    message.unwrap_or_default().chars().count()
}

impl ResourceType for PartnerNamespace {
    const NAME: &'static str = "partner namespace";
    const TYPES: &'static [&'static str] = &["partnerNamespaces"];
    const NAMES: NameRule = NameRule::PARTNER;
    const READ_ONLY: &'static [&'static str] = &[
        "endpoint",
        "privateEndpointConnections",
        "provisioningState",
    ];

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }

    /// What happens without a mode differs between clients, and cannot be changed afterwards.
    fn check(&self) -> Result<(), InvalidResource> {
        match self.partner_topic_routing_mode {
            Some(_) => Ok(()),
            None => Err(InvalidResource::RoutingMode),
        }
    }
}

impl ResourceType for PartnerDestination {
    const NAME: &'static str = "partner destination";
    const TYPES: &'static [&'static str] = &["partnerDestinations"];
    const NAMES: NameRule = NameRule::PARTNER;
    const IS_PREVIEW: bool = true;

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }
}

impl Activatable for PartnerDestination {}

impl ResourceType for EventSubscription {
    const NAME: &'static str = "event subscription";
    const TYPES: &'static [&'static str] = &[EVENT_SUBSCRIPTIONS];
    const NAMES: NameRule = NameRule::EVENT_SUBSCRIPTION;
    const IS_EXTENSION: bool = true;
    const READ_ONLY: &'static [&'static str] = &["provisioningState", "topic"];

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }
}

impl Writable for EventSubscription {
    /// Flat, as it was recorded: without an envelope.
    type Update = Self;
}

impl HasEndpointUrl for EventSubscription {}

impl ResourceType for SystemTopic {
    const NAME: &'static str = "system topic";
    const TYPES: &'static [&'static str] = &["systemTopics"];
    const NAMES: NameRule = NameRule::SYSTEM_TOPIC;
    const READ_ONLY: &'static [&'static str] = &["metricResourceId", "provisioningState"];

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }
}

impl ResourceType for VerifiedPartner {
    const NAME: &'static str = "verified partner";
    const TYPES: &'static [&'static str] = &["verifiedPartners"];
    const NAMES: NameRule = NameRule::GIVEN;

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }
}

/// Where verified partners are listed: they belong to nobody's subscription.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it is a place, and holds nothing"
)]
pub struct Tenant;

impl ListIn<VerifiedPartner> for Tenant {
    fn list_path(&self) -> String {
        format!("/{PROVIDERS}/{PROVIDER}/verifiedPartners")
    }
}

/// Kinds without anything particular.
macro_rules! plain_kinds {
    ($($kind:ident: $name:literal, $type:literal;)+) => {$(
        impl ResourceType for $kind {
            const NAME: &'static str = $name;
            const TYPES: &'static [&'static str] = &[$type];
            const NAMES: NameRule = NameRule::PARTNER;

            fn provisioning_state(&self) -> Option<&ProvisioningState> {
                self.provisioning_state.as_ref()
            }
        }
    )+};
}

plain_kinds! {
    PartnerConfiguration: "partner configuration", "partnerConfigurations";
    PartnerRegistration: "partner registration", "partnerRegistrations";
    PartnerTopic: "partner topic", "partnerTopics";
}

impl Activatable for PartnerTopic {}

impl Writable for PartnerConfiguration {
    type Update = Update<PartnerConfigurationUpdate>;
}

/// Kinds in a resource group, which are listed there and in the subscription.
macro_rules! in_groups {
    ($($kind:ident)+) => {$(
        impl ListIn<$kind> for ResourceGroup {
            fn list_path(&self) -> String {
                list_in::<$kind>(&self.scope())
            }
        }

        impl ListIn<$kind> for SubscriptionId {
            fn list_path(&self) -> String {
                list_in::<$kind>(&self.scope())
            }
        }
    )+};
}

in_groups! {
    PartnerConfiguration
    PartnerDestination
    PartnerNamespace
    PartnerRegistration
    PartnerTopic
    SystemTopic
}

/// Kinds whose update has an envelope and the same properties.
macro_rules! updated_alike {
    ($($kind:ident)+) => {$(
        impl Writable for $kind {
            type Update = Update<Self>;
        }
    )+};
}

updated_alike! {
    PartnerDestination
    PartnerNamespace
    PartnerRegistration
    PartnerTopic
    SystemTopic
}

impl ListIn<EventSubscription> for Scope {
    fn list_path(&self) -> String {
        list_in::<EventSubscription>(self)
    }
}

/// Topics that have event subscriptions of their own.
macro_rules! subscribed {
    ($($kind:ident)+) => {$(
        impl ListIn<EventSubscription> for ResourceId<$kind> {
            fn list_path(&self) -> String {
                format!("{}/{EVENT_SUBSCRIPTIONS}", self.path())
            }
        }
    )+};
}

subscribed! { PartnerTopic SystemTopic }

fn list_in<K: ResourceType>(scope: &Scope) -> String {
    let kind = K::TYPES.last().copied().unwrap_or_default();
    format!("{}/{PROVIDERS}/{PROVIDER}/{kind}", scope.path())
}

/// In characters. Source: the service, which answers 400 `InvalidRequest` to longer ones.
pub(super) const LONGEST_MESSAGE: usize = 256;
