//! Ids from the top down: resource group, resource, child resource.

use super::model::{
    Channel, EventSubscription, PartnerConfiguration, PartnerDestination, PartnerNamespace,
    PartnerRegistration, PartnerTopic, SystemTopic,
};
use super::resource_id::ResourceId;
use super::resource_type::ResourceType;
use super::scope::{
    EVENT_SUBSCRIPTIONS, PROVIDER, PROVIDERS, ResourceGroup, ResourceIdError, Scope,
};

impl ResourceGroup {
    /// The partner registration `name` in this group.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_registration(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerRegistration>, ResourceIdError> {
        self.resource(name)
    }

    /// The partner namespace `name` in this group.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_namespace(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerNamespace>, ResourceIdError> {
        self.resource(name)
    }

    /// The partner topic `name` in this group.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_topic(&self, name: &str) -> Result<ResourceId<PartnerTopic>, ResourceIdError> {
        self.resource(name)
    }

    /// The partner destination `name` in this group.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_destination(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerDestination>, ResourceIdError> {
        self.resource(name)
    }

    /// The system topic `name` in this group.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn system_topic(&self, name: &str) -> Result<ResourceId<SystemTopic>, ResourceIdError> {
        self.resource(name)
    }

    /// The partner configuration of this group. There is only one.
    pub fn partner_configuration(&self) -> ResourceId<PartnerConfiguration> {
        let scope = self.scope();
        ResourceId::of(format!("{scope}/{PROVIDERS}/{PROVIDER}/partnerConfigurations/default"))
    }

    fn resource<K: ResourceType>(&self, name: &str) -> Result<ResourceId<K>, ResourceIdError> {
        let scope = format!("{}/{PROVIDERS}/{PROVIDER}", self.scope());
        ResourceId::under(&scope, K::TYPES.last().copied().unwrap_or_default(), name)
    }
}

impl ResourceId<PartnerNamespace> {
    /// The channel `name` of this namespace.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn channel(&self, name: &str) -> Result<ResourceId<Channel>, ResourceIdError> {
        ResourceId::under(self.as_str(), "channels", name)
    }
}

impl ResourceId<PartnerTopic> {
    /// The event subscription `name` of this topic.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn event_subscription(
        &self,
        name: &str,
    ) -> Result<ResourceId<EventSubscription>, ResourceIdError> {
        ResourceId::under(self.as_str(), EVENT_SUBSCRIPTIONS, name)
    }
}

impl ResourceId<SystemTopic> {
    /// The event subscription `name` of this topic.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn event_subscription(
        &self,
        name: &str,
    ) -> Result<ResourceId<EventSubscription>, ResourceIdError> {
        ResourceId::under(self.as_str(), EVENT_SUBSCRIPTIONS, name)
    }
}

impl ResourceId<EventSubscription> {
    /// The event subscription `name` for `scope`: a subscription, a resource group, or any resource.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn at(scope: &Scope, name: &str) -> Result<Self, ResourceIdError> {
        let scope = format!("{scope}/{PROVIDERS}/{PROVIDER}");
        Self::under(&scope, EVENT_SUBSCRIPTIONS, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_grid::manage::SubscriptionId;

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, ResourceIdError> {
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
