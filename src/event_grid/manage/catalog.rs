//! The resource types of Event Grid: names, rules, and where each is listed.

use super::enums::{ChannelType, ProvisioningState};
use super::error::{InvalidResource, MAX_ACTIVATION_MESSAGE};
use super::model::{
    Channel, Endpoint, EventSubscription, PartnerConfiguration, PartnerConfigurationUpdate,
    PartnerDestination, PartnerNamespace, PartnerRegistration, PartnerTopic, SystemTopic,
};
use super::resource::Update;
use super::resource_id::ResourceId;
use super::resource_type::{Activatable, HasEndpointUrl, ListIn, ResourceType, Writable};
use super::scope::{
    EVENT_SUBSCRIPTIONS, NameRule, PROVIDER, PROVIDERS, ResourceGroup, Scope, SubscriptionId,
};

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
            length if length > MAX_ACTIVATION_MESSAGE => Err(InvalidResource::Message { length }),
            _ => Ok(()),
        }
    }

    /// Channels to partner destinations exist only in preview versions.
    fn needs_preview(&self) -> bool {
        self.channel_type == Some(ChannelType::PartnerDestination)
            || self.partner_destination_info.is_some()
    }

    /// Without a message from the partner, the service writes one that is longer than it accepts: issue 37280 of
    /// azure-rest-api-specs.
    fn clear_unwritable(&mut self) {
        if message_length(self) > MAX_ACTIVATION_MESSAGE {
            self.message_for_activation = None;
        }
    }
}

impl Writable for Channel {
    type Update = Update<Self>;

    fn update_needs_preview(update: &Self::Update) -> bool {
        update.properties.as_ref().is_some_and(Self::needs_preview)
    }
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
    const READ_ONLY: &'static [&'static str] =
        &["endpoint", "privateEndpointConnections", "provisioningState"];

    fn provisioning_state(&self) -> Option<&ProvisioningState> {
        self.provisioning_state.as_ref()
    }

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

    /// Subscriptions that deliver to partner destinations exist only in preview versions.
    fn needs_preview(&self) -> bool {
        let with_identity = self.delivery_with_resource_identity.as_ref();
        let with_identity = with_identity.and_then(|delivery| delivery.destination.as_ref());
        let mut endpoints = self.destination.iter().chain(with_identity);
        endpoints.any(is_partner_destination)
    }
}

fn is_partner_destination(endpoint: &Endpoint) -> bool {
    let endpoint_type = endpoint.endpoint_type.as_deref().unwrap_or_default();
    endpoint_type.eq_ignore_ascii_case("PartnerDestination")
}

impl Writable for EventSubscription {
    /// Its properties without an envelope, as in recorded requests.
    type Update = Self;

    fn update_needs_preview(update: &Self::Update) -> bool {
        update.needs_preview()
    }
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

/// Resource types without special rules.
macro_rules! plain_types {
    ($($model:ident: $name:literal, $type:literal;)+) => {$(
        impl ResourceType for $model {
            const NAME: &'static str = $name;
            const TYPES: &'static [&'static str] = &[$type];
            const NAMES: NameRule = NameRule::PARTNER;

            fn provisioning_state(&self) -> Option<&ProvisioningState> {
                self.provisioning_state.as_ref()
            }
        }
    )+};
}

plain_types! {
    PartnerConfiguration: "partner configuration", "partnerConfigurations";
    PartnerRegistration: "partner registration", "partnerRegistrations";
    PartnerTopic: "partner topic", "partnerTopics";
}

impl Activatable for PartnerTopic {}

impl Writable for PartnerConfiguration {
    type Update = Update<PartnerConfigurationUpdate>;
}

/// Resource types that are listed in a resource group and in a subscription.
macro_rules! in_groups {
    ($($model:ident)+) => {$(
        impl ListIn<$model> for ResourceGroup {
            fn list_path(&self) -> String {
                list_in::<$model>(&self.scope())
            }
        }

        impl ListIn<$model> for SubscriptionId {
            fn list_path(&self) -> String {
                list_in::<$model>(&self.scope())
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

/// Resource types whose update holds the same properties in an envelope.
macro_rules! updated_in_envelope {
    ($($model:ident)+) => {$(
        impl Writable for $model {
            type Update = Update<Self>;
        }
    )+};
}

updated_in_envelope! {
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

/// Topics with their own event subscriptions.
macro_rules! with_event_subscriptions {
    ($($model:ident)+) => {$(
        impl ListIn<EventSubscription> for ResourceId<$model> {
            fn list_path(&self) -> String {
                format!("{}/{EVENT_SUBSCRIPTIONS}", self.path())
            }
        }
    )+};
}

with_event_subscriptions! { PartnerTopic SystemTopic }

fn list_in<K: ResourceType>(scope: &Scope) -> String {
    let resource_type = K::TYPES.last().copied().unwrap_or_default();
    format!("{}/{PROVIDERS}/{PROVIDER}/{resource_type}", scope.path())
}
