//! The resource types of Event Grid: names, rules, and where each is listed.

use super::enums::{ChannelType, ProvisioningState};
use super::error::{InvalidResource, MAX_ACTIVATION_MESSAGE};
use super::model::{
    Channel, Endpoint, EventSubscription, PartnerConfiguration, PartnerConfigurationUpdate,
    PartnerDestination, PartnerNamespace, PartnerRegistration, PartnerTopic, SystemTopic,
};
use super::resource::Update;
use super::resource_id::ResourceId;
use super::resource_type::{Activatable, HasEndpointUrl, ListIn, ResourceType};
use super::scope::{
    EVENT_SUBSCRIPTIONS, NameRule, PROVIDER, PROVIDERS, ResourceGroup, Scope, SubscriptionId,
};

/// Resource types: the model, the name, the segments of its ids, the body of an update, and the exceptions from the rules.
///
/// In this order; the last part has only the differences from the defaults of [`ResourceType`].
macro_rules! resource_types {
    ($($model:ident: $name:literal, $types:expr, $update:ty, { $($exceptions:item)* })+) => {$(
        impl ResourceType for $model {
            const NAME: &'static str = $name;
            const TYPES: &'static [&'static str] = &$types;
            type Update = $update;

            fn provisioning_state(&self) -> Option<&ProvisioningState> {
                self.provisioning_state.as_ref()
            }

            $($exceptions)*
        }
    )+};
}

resource_types! {
    Channel: "channel", ["partnerNamespaces", "channels"], Update<Self>, {
        const READ_ONLY: &'static [&'static str] = &["provisioningState", "readinessState"];

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

        fn update_needs_preview(update: &Self::Update) -> bool {
            update.properties.as_ref().is_some_and(Self::needs_preview)
        }

        /// Without a message from the partner, the service writes one that is longer than it accepts: issue 37280 of
        /// azure-rest-api-specs.
        fn clear_unwritable(&mut self) {
            if message_length(self) > MAX_ACTIVATION_MESSAGE {
                self.message_for_activation = None;
            }
        }
    }

    EventSubscription: "event subscription", [EVENT_SUBSCRIPTIONS], Self, {
        const NAMES: NameRule = NameRule::EVENT_SUBSCRIPTION;
        const IS_EXTENSION: bool = true;
        const READ_ONLY: &'static [&'static str] = &["provisioningState", "topic"];

        /// Subscriptions that deliver to partner destinations exist only in preview versions.
        fn needs_preview(&self) -> bool {
            let with_identity = self.delivery_with_resource_identity.as_ref();
            let with_identity = with_identity.and_then(|delivery| delivery.destination.as_ref());
            let mut endpoints = self.destination.iter().chain(with_identity);
            endpoints.any(is_partner_destination)
        }

        /// An update has the properties without an envelope, as in recorded requests.
        fn update_needs_preview(update: &Self::Update) -> bool {
            update.needs_preview()
        }
    }

    PartnerConfiguration: "partner configuration", ["partnerConfigurations"], Update<PartnerConfigurationUpdate>, {}

    PartnerDestination: "partner destination", ["partnerDestinations"], Update<Self>, {
        const IS_PREVIEW: bool = true;
    }

    PartnerNamespace: "partner namespace", ["partnerNamespaces"], Update<Self>, {
        const READ_ONLY: &'static [&'static str] =
            &["endpoint", "privateEndpointConnections", "provisioningState"];

        fn check(&self) -> Result<(), InvalidResource> {
            match self.partner_topic_routing_mode {
                Some(_) => Ok(()),
                None => Err(InvalidResource::RoutingMode),
            }
        }
    }

    PartnerRegistration: "partner registration", ["partnerRegistrations"], Update<Self>, {}

    PartnerTopic: "partner topic", ["partnerTopics"], Update<Self>, {}

    SystemTopic: "system topic", ["systemTopics"], Update<Self>, {
        const NAMES: NameRule = NameRule::SYSTEM_TOPIC;
        const READ_ONLY: &'static [&'static str] = &["metricResourceId", "provisioningState"];
    }
}

impl Activatable for PartnerDestination {}
impl Activatable for PartnerTopic {}
impl HasEndpointUrl for Channel {}
impl HasEndpointUrl for EventSubscription {}

fn message_length(channel: &Channel) -> usize {
    let message = channel.message_for_activation.as_deref();
    message.unwrap_or_default().chars().count()
}

fn is_partner_destination(endpoint: &Endpoint) -> bool {
    let endpoint_type = endpoint.endpoint_type.as_deref().unwrap_or_default();
    endpoint_type.eq_ignore_ascii_case("PartnerDestination")
}

/// Where resource types are listed: the scope, and the path of the list.
macro_rules! listed {
    ($($model:ident in $scope:ty: |$this:ident| $path:expr;)+) => {$(
        impl ListIn<$model> for $scope {
            fn list_path(&self) -> String {
                let $this = self;
                $path
            }
        }
    )+};
}

listed! {
    Channel in ResourceId<PartnerNamespace>: |id| format!("{}/channels", id.path());
    EventSubscription in ResourceId<PartnerTopic>: |id| format!("{}/{EVENT_SUBSCRIPTIONS}", id.path());
    EventSubscription in ResourceId<SystemTopic>: |id| format!("{}/{EVENT_SUBSCRIPTIONS}", id.path());
    EventSubscription in Scope: |scope| list_in::<EventSubscription>(scope);
}

/// Resource types that are listed in a resource group and in a subscription.
macro_rules! listed_in_groups {
    ($($model:ident)+) => {
        listed! {$(
            $model in ResourceGroup: |group| list_in::<$model>(&group.scope());
            $model in SubscriptionId: |subscription| list_in::<$model>(&subscription.scope());
        )+}
    };
}

listed_in_groups! {
    PartnerConfiguration
    PartnerDestination
    PartnerNamespace
    PartnerRegistration
    PartnerTopic
    SystemTopic
}

fn list_in<K: ResourceType>(scope: &Scope) -> String {
    let resource_type = K::TYPES.last().copied().unwrap_or_default();
    format!("{}/{PROVIDERS}/{PROVIDER}/{resource_type}", scope.path())
}
