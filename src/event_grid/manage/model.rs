//! The properties of each kind of resource.

use serde_json::{Map, Number, Value};
use time::OffsetDateTime;

use super::Secret;
use super::words::{
    ActivationState, ChannelType, EventDeliverySchema, ProvisioningState, ReadinessState,
    RoutingMode,
};
use crate::api::model::models;

models! {
    /// What a partner sends to one customer: mirrored by a partner topic, or by a partner destination, of the customer.
    ///
    /// A channel is to be in the region of its topic. Source: the REST reference of Event Grid, 2025-02-15 and
    /// 2025-07-15-preview, as of all that follow.
    Channel {
        /// Where its events go.
        channel_type: ChannelType,
        /// The customer's topic.
        partner_topic_info: PartnerTopicInfo,
        /// The customer's destination. Only in preview versions.
        partner_destination_info: PartnerDestinationInfo,
        /// What the customer reads before activating it: 256 characters at most. Gone once it is activated.
        message_for_activation: String,
        /// Whether the customer has activated it.
        readiness_state: ReadinessState,
        /// Until when the customer can: seven days after its creation at most, which is the default. Gone once it is
        /// activated.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// The topic that a channel is mirrored by.
    PartnerTopicInfo {
        /// The customer's subscription: a UUID.
        azure_subscription_id: String,
        /// The customer's resource group.
        resource_group_name: String,
        /// Its name.
        name: String,
        /// What the events are about: where the namespace routes by it, the `source` of the events.
        source: String,
        /// The events that there may be.
        event_type_info: EventTypeInfo,
    }

    /// Types of events, for those who choose among them.
    EventTypeInfo {
        /// `Inline`.
        kind: String,
        /// Objects with `displayName`, `description`, `documentationUrl` and `dataSchemaUrl`, by type.
        inline_event_types: Map<String, Value>,
    }

    /// The destination that a channel is mirrored by. Only in preview versions.
    PartnerDestinationInfo {
        /// The customer's subscription: a UUID.
        azure_subscription_id: String,
        /// The customer's resource group.
        resource_group_name: String,
        /// Its name.
        name: String,
        /// `WebHook`.
        endpoint_type: String,
        /// What the partner wants the customer to know of it.
        endpoint_service_context: String,
        /// Where it is.
        properties: EndpointProperties,
    }

    /// What owns channels and the endpoint that events are published to. In one region.
    PartnerNamespace {
        /// The id of the registration that it belongs to.
        partner_registration_fully_qualified_id: String,
        /// How events find their channel: to be said at creation, and never changed.
        partner_topic_routing_mode: RoutingMode,
        /// Where to publish, once it was created.
        endpoint: String,
        /// `Enabled`, `Disabled`, or in preview versions `SecuredByPerimeter`.
        public_network_access: String,
        /// Objects with `ipMask` and `action`: 128 at most.
        inbound_ip_rules: Vec<Value>,
        /// `1.0`, `1.1` or `1.2`.
        minimum_tls_version_allowed: String,
        /// Whether access keys are refused.
        disable_local_auth: bool,
        /// Private endpoints.
        private_endpoint_connections: Vec<Value>,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// Who a partner is. Its location is `global`.
    PartnerRegistration {
        /// What customers authorize: a UUID.
        partner_registration_immutable_id: String,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// What a customer receives from a partner.
    PartnerTopic {
        /// Whose it is: a UUID.
        partner_registration_immutable_id: String,
        /// What the events are about.
        source: String,
        /// The events that there may be.
        event_type_info: EventTypeInfo,
        /// Until when it can be activated. Gone once it is.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// Whether it was activated.
        activation_state: ActivationState,
        /// What it is, in words.
        partner_topic_friendly_description: String,
        /// What the partner says about it. Gone once it is activated.
        message_for_activation: String,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// Which partners may create topics and destinations in a resource group. Its location is `global`.
    PartnerConfiguration {
        /// They.
        partner_authorization: PartnerAuthorization,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// Which partners are authorized, and for how long.
    PartnerAuthorization {
        /// For how many days those are that say nothing else: 1 to 365, 7 by default.
        default_maximum_expiration_time_in_days: Number,
        /// They.
        authorized_partners_list: Vec<Partner>,
    }

    /// An authorized partner. Authorizing one again renews the time.
    Partner {
        /// The partner's registration: a UUID.
        partner_registration_immutable_id: String,
        /// The partner's name, which may do in place of the id for verified partners.
        partner_name: String,
        /// Until when. None: as long as the configuration says by default.
        authorization_expiration_time_in_utc: OffsetDateTime,
    }

    /// Where a customer sends events to a partner. Only in preview versions.
    PartnerDestination {
        /// Whose it is: a UUID. Old ones have none.
        partner_registration_immutable_id: String,
        /// What the partner says about it.
        endpoint_service_context: String,
        /// Until when it can be activated. Gone once it is.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// Whether it was activated.
        activation_state: ActivationState,
        /// Where events go, without what is secret in it.
        endpoint_base_url: String,
        /// What the partner says about it. Gone once it is activated.
        message_for_activation: String,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// A partner whose identity Microsoft has verified. That says nothing about being authorized.
    VerifiedPartner {
        /// Its registration: a UUID.
        partner_registration_immutable_id: String,
        /// Its organization.
        organization_name: String,
        /// How it calls itself.
        partner_display_name: String,
        /// An object with `description`, `longDescription` and `setupUri`.
        partner_topic_details: Map<String, Value>,
        /// The same for destinations. Only in preview versions.
        partner_destination_details: Map<String, Value>,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// Which events of a topic go where.
    EventSubscription {
        /// The topic. Comes in any case.
        topic: String,
        /// Where events go.
        destination: Endpoint,
        /// In place of `destination`, with an identity.
        delivery_with_resource_identity: DeliveryWithIdentity,
        /// Which events.
        filter: Filter,
        /// Anything.
        labels: Vec<String>,
        /// When it ends.
        expiration_time_utc: OffsetDateTime,
        /// In what form. For partner topics, CloudEvents by default.
        event_delivery_schema: EventDeliverySchema,
        /// How often it is tried.
        retry_policy: DeliveryRetries,
        /// Where events go that nobody took.
        dead_letter_destination: Endpoint,
        /// In place of `dead_letter_destination`, with an identity.
        dead_letter_with_resource_identity: Map<String, Value>,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// Where events go, on whose behalf.
    DeliveryWithIdentity {
        /// An object with `type` and perhaps `userAssignedIdentity`.
        identity: Map<String, Value>,
        /// Where events go.
        destination: Endpoint,
    }

    /// Where events go.
    Endpoint {
        /// `WebHook`, `StorageBlob`, `EventHub`, `PartnerDestination` and others.
        endpoint_type: String,
        /// What there is to say about it.
        properties: EndpointProperties,
    }

    /// The properties of an endpoint; which of them it has depends on its type.
    EndpointProperties {
        /// The absolute https URL of a web hook, whose query often holds a secret. The service takes it, and does not give it
        /// back: see [`full_url`](super::ManagementClient::full_url).
        endpoint_url: Secret,
        /// The URL without its query.
        endpoint_base_url: String,
        /// The id of a resource, where the endpoint is one.
        resource_id: String,
        /// Where dead letters are put.
        blob_container_name: String,
        /// Events in a request: 1 to 5000, 1 by default.
        max_events_per_batch: Number,
        /// Size of a request: 1 to 1024 KiB, 64 by default.
        preferred_batch_size_in_kilobytes: Number,
        /// The tenant of the tokens that come along.
        azure_active_directory_tenant_id: String,
        /// The audience of the tokens that come along.
        azure_active_directory_application_id_or_uri: String,
        /// How a partner destination's requests are authenticated.
        client_authentication: Map<String, Value>,
        /// Headers that come along.
        delivery_attribute_mappings: Vec<DeliveryAttribute>,
        /// `1.0`, `1.1` or `1.2`.
        minimum_tls_version_allowed: String,
    }

    /// A header that comes along with events.
    DeliveryAttribute {
        /// Its name, which must not begin with `aeg-`.
        name: String,
        /// `Static` or `Dynamic`.
        r#type: String,
        /// Its value.
        properties: DeliveryAttributeValue,
    }

    /// The value of a header that comes along with events.
    DeliveryAttributeValue {
        /// Of a static one: 4096 bytes at most.
        value: Secret,
        /// Whether the service keeps it to itself.
        is_secret: bool,
        /// Of a dynamic one: the path into the event.
        source_field: String,
    }

    /// Which events.
    Filter {
        /// Those whose subject begins so.
        subject_begins_with: String,
        /// Those whose subject ends so.
        subject_ends_with: String,
        /// Those of these types.
        included_event_types: Vec<String>,
        /// Whether subjects are compared as they are. Default: in any case.
        is_subject_case_sensitive: bool,
        /// Whether advanced filters look into arrays.
        enable_advanced_filtering_on_arrays: bool,
        /// Objects with `operatorType`, `key`, and `value` or `values`.
        advanced_filters: Vec<Value>,
    }

    /// How often a delivery is tried.
    DeliveryRetries {
        /// 1 to 30, 30 by default.
        max_delivery_attempts: Number,
        /// 1 to 1440, which is the default.
        event_time_to_live_in_minutes: Number,
    }

    /// Where the events of Azure's own resources come from.
    SystemTopic {
        /// The id of the resource.
        source: String,
        /// Such as `Microsoft.Resources.Subscriptions` or `Microsoft.Resources.ResourceGroups`.
        topic_type: String,
        /// What its metrics are found by.
        metric_resource_id: String,
        /// What the service is doing with it.
        provisioning_state: ProvisioningState,
    }

    /// What of a partner configuration can be changed.
    PartnerConfigurationUpdate {
        /// See [`PartnerAuthorization`].
        default_maximum_expiration_time_in_days: Number,
    }
}

impl PartnerNamespace {
    /// A namespace of a registration that routes by `mode`.
    pub fn new(registration: &super::ResourceId<PartnerRegistration>, mode: RoutingMode) -> Self {
        Self {
            partner_registration_fully_qualified_id: Some(registration.to_string()),
            partner_topic_routing_mode: Some(mode),
            ..Self::default()
        }
    }
}

impl Channel {
    /// A channel to a topic `name` that will be made in `group` of the customer, for events about `source`.
    pub fn to_topic(group: &super::ResourceGroup, name: &str, source: &str) -> Self {
        Self {
            channel_type: Some(ChannelType::PartnerTopic),
            partner_topic_info: Some(PartnerTopicInfo {
                azure_subscription_id: Some(group.subscription().id().to_string()),
                resource_group_name: Some(group.name().to_owned()),
                name: Some(name.to_owned()),
                source: Some(source.to_owned()),
                ..PartnerTopicInfo::default()
            }),
            ..Self::default()
        }
    }
}

impl Partner {
    /// The partner of this registration.
    pub fn of_registration(immutable_id: &str) -> Self {
        Self {
            partner_registration_immutable_id: Some(immutable_id.to_owned()),
            ..Self::default()
        }
    }
}

impl Endpoint {
    /// A web hook at `url`, an absolute https URL whose query may be a secret. Another URL is refused when it is to be
    /// written, with [`InvalidResource::WebHookUrl`](super::InvalidResource::WebHookUrl).
    pub fn web_hook(url: impl Into<Secret>) -> Self {
        Self {
            endpoint_type: Some("WebHook".to_owned()),
            properties: Some(EndpointProperties {
                endpoint_url: Some(url.into()),
                ..EndpointProperties::default()
            }),
            ..Self::default()
        }
    }
}
