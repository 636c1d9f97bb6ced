//! Ids from the top down: resource group, resource, child resource.

use super::error::InvalidResource;
use super::model::{
    Channel, EventSubscription, PartnerConfiguration, PartnerDestination, PartnerNamespace,
    PartnerRegistration, PartnerTopic, SystemTopic,
};
use super::resource_id::ResourceId;
use super::resource_type::ResourceType;
use super::scope::{ResourceGroup, Scope};

/// Methods of a parent that return the id of a child by its name.
macro_rules! children {
    ($($parent:ty { $($(#[doc = $doc:literal])+ $name:ident: $child:ident,)+ })+) => {$(
        impl $parent {
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                ///
                /// [`InvalidResource::Name`] if `name` is not valid for this resource type.
                pub fn $name(&self, name: &str) -> Result<ResourceId<$child>, InvalidResource> {
                    ResourceId::under(&self.base(), name)
                }
            )+
        }
    )+};
}

children! {
    ResourceGroup {
        /// The id of the partner destination `name` in this group: 3 to 50 letters, digits and hyphens.
        partner_destination: PartnerDestination,
        /// The id of the partner namespace `name` in this group: 3 to 50 letters, digits and hyphens.
        partner_namespace: PartnerNamespace,
        /// The id of the partner registration `name` in this group: 3 to 50 letters, digits and hyphens.
        partner_registration: PartnerRegistration,
        /// The id of the partner topic `name` in this group: 3 to 50 letters, digits and hyphens.
        partner_topic: PartnerTopic,
        /// The id of the system topic `name` in this group: 3 to 128 letters, digits and hyphens.
        system_topic: SystemTopic,
    }

    ResourceId<PartnerNamespace> {
        /// The id of the channel `name` of this namespace: 3 to 50 letters, digits and hyphens.
        channel: Channel,
    }

    ResourceId<PartnerTopic> {
        /// The id of the event subscription `name` of this topic: 3 to 64 letters, digits and hyphens.
        event_subscription: EventSubscription,
    }

    ResourceId<SystemTopic> {
        /// The id of the event subscription `name` of this topic: 3 to 64 letters, digits and hyphens.
        event_subscription: EventSubscription,
    }
}

impl ResourceGroup {
    /// The id of the partner configuration of this group. There is only one.
    pub fn partner_configuration(&self) -> ResourceId<PartnerConfiguration> {
        ResourceId::of(format!("{}/partnerConfigurations/default", self.base()))
    }

    /// What precedes the type of a resource in this group.
    fn base(&self) -> String {
        self.scope().provider()
    }
}

impl<K: ResourceType> ResourceId<K> {
    /// What precedes the type of a child resource.
    fn base(&self) -> String {
        self.to_string()
    }
}

impl ResourceId<EventSubscription> {
    /// The id of the event subscription `name` for `scope`: a subscription, a resource group, or any resource.
    ///
    /// # Errors
    ///
    /// [`InvalidResource::Name`] if `name` does not have 3 to 64 letters, digits and hyphens.
    pub fn at(scope: &Scope, name: &str) -> Result<Self, InvalidResource> {
        Self::under(&scope.provider(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_grid::manage::SubscriptionId;

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, InvalidResource> {
        ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name)
    }

    #[test]
    fn each_resource_type_has_its_path() {
        let group = group("events").unwrap();
        let base = format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/events/providers/Microsoft.EventGrid"
        );
        let namespace = group.partner_namespace("contoso").unwrap();
        let topic = group.partner_topic("top-1").unwrap();
        let system = group.system_topic("top-2").unwrap();
        let scope = group.scope();
        for (id, path) in [
            (group.partner_registration("abc").unwrap().path(), "partnerRegistrations/abc"),
            (namespace.path(), "partnerNamespaces/contoso"),
            (namespace.channel("ch-1").unwrap().path(), "partnerNamespaces/contoso/channels/ch-1"),
            (topic.path(), "partnerTopics/top-1"),
            (
                topic.event_subscription("sub").unwrap().path(),
                "partnerTopics/top-1/eventSubscriptions/sub",
            ),
            (
                system.event_subscription("sub").unwrap().path(),
                "systemTopics/top-2/eventSubscriptions/sub",
            ),
            (group.partner_configuration().path(), "partnerConfigurations/default"),
            (group.partner_destination("dest").unwrap().path(), "partnerDestinations/dest"),
            (ResourceId::at(&scope, "sub").unwrap().path(), "eventSubscriptions/sub"),
        ] {
            assert_eq!(id, format!("{base}/{path}"));
        }
    }
}
